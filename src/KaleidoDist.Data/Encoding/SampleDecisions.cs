using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Writes the patch of a row at a cell of the camouflage's level; false where its picture has none.</summary>
internal delegate bool PatchLender(RawRow donor, int cell, Span<float> patch);

/// <summary>Whether two patches can be told from one another.</summary>
internal delegate bool PatchComparison(ReadOnlySpan<float> patch, ReadOnlySpan<float> other);

/// <summary>
/// Decides about one sample after the other what the seven tasks do to it: whose text, which words and patches are hidden, turns,
/// permutation, whose patch hides. Pure functions of (options, row group, row, epoch), whatever the patches are made of; who writes pixels
/// or vectors carries them out. Holds the last decision and buffers: one instance per thread.
/// </summary>
internal sealed class SampleDecisions
{
    private readonly SampleEncoderOptions options;
    private readonly AlignmentGuidedMasking masking;
    private readonly TokenBuffer ownText;
    private readonly TokenBuffer otherText;
    private RowGroup group = new(0, []);
    private SampleKey key;
    private int[] donorRows = [];

    /// <summary>Allocates for samples of a model.</summary>
    public SampleDecisions(SampleEncoderOptions options)
    {
        this.options = options;
        masking = new AlignmentGuidedMasking(options.Model.TextLength, options.Model.MaxMaskedTokens, options.Tasks, options.Model.Patches);
        ownText = new TokenBuffer(options.Tokenizer, options.Model.TextLength);
        otherText = new TokenBuffer(options.Tokenizer, options.Model.TextLength);
    }

    /// <summary>Index of the row in its group.</summary>
    public int Row { get; private set; }

    /// <summary>The row itself.</summary>
    public RawRow Own => group.Rows[Row];

    /// <summary>Whether text and picture belong together.</summary>
    public bool Matches { get; private set; }

    /// <summary>Counter-clockwise quarter turns of the 1x1 patch; none when that task is off.</summary>
    public int QuarterTurns { get; private set; }

    /// <summary>Rank of the permutation of the 2x2 patches; the identity when that task is off.</summary>
    public int JigsawRank { get; private set; }

    /// <summary>The 3x3 patch that another product's stands in for; null when that task is off.</summary>
    public int? CamouflageCell { get; private set; }

    private TokenBuffer Text => Matches ? ownText : otherText;

    /// <summary>Whether the row's own text can be used; if so, it is the one decided about from now.</summary>
    public bool TryBegin(RowGroup group, int row, long epoch)
    {
        (this.group, Row) = (group, row);
        key = new SampleKey(options.Seed, options.FixedEpoch ?? epoch, Own.SampleIndex);
        return ownText.TryRead(Own.Text);
    }

    /// <summary>Decides, and writes what does not depend on what patches are made of: text, labels and places.</summary>
    public void Decide(MicroBatch batch, int slot)
    {
        if (donorRows.Length < group.Rows.Count)
            donorRows = new int[group.Rows.Count];
        Matches = !TryTakeOtherText();

        // Another product's text is aligned with nothing here.
        var random = key.For(CorruptionStream.Masking);
        masking.Choose(ref random, Text.WordStart, Matches && options.Masking == MaskingKind.Aligned ? Own.Alignments : []);

        QuarterTurns = IsOn(PretrainTask.Rotation) ? key.For(CorruptionStream.Rotation).Next(Rotation.ClassCount) : 0;
        JigsawRank = IsOn(PretrainTask.Jigsaw) ? key.For(CorruptionStream.Jigsaw).Next(Jigsaw.ClassCount) : 0;
        CamouflageCell = IsOn(PretrainTask.Camouflage) ? HiddenCells(PretrainTask.Camouflage).IndexOf(true) : null;

        batch.SampleIds[slot] = Own.SampleIndex;
        batch.MatchLabels[slot] = Matches ? 1 : 0;
        batch.RotationLabels[slot] = QuarterTurns;
        batch.JigsawLabels[slot] = JigsawRank;
        batch.CamouflageLabels[slot] = CamouflageCell ?? 0;
        WriteText(batch, slot);
        WriteHidden(PretrainTask.Grey, Slot(batch.GreyPositions), Slot(batch.GreyTargets));
        WriteHidden(PretrainTask.Blank, Slot(batch.BlankPositions), Slot(batch.BlankTargets));

        Span<T> Slot<T>(T[] values) => values.AsSpan(slot * (values.Length / batch.Count), values.Length / batch.Count);
    }

    /// <summary>
    /// Borrows the camouflage's patch of another product: the first that can be told from the own one, or that of the last one asked after
    /// <see cref="Camouflage.MaxRefusals"/>. False where nobody can lend one.
    /// </summary>
    /// <param name="cell">The cell to borrow.</param>
    /// <param name="own">The own patch.</param>
    /// <param name="borrowed">Receives the other's.</param>
    /// <param name="lend">Writes a row's patch, or returns false where it has none.</param>
    /// <param name="differ">Whether two patches can be told from one another.</param>
    public bool TryBorrow(int cell, ReadOnlySpan<float> own, Span<float> borrowed, PatchLender lend, PatchComparison differ)
    {
        var random = key.For(CorruptionStream.Camouflage);
        var donors = DonorIndex.Of(group).Any(Row, donorRows);
        var found = false;
        for (var refusals = 0; refusals <= Camouflage.MaxRefusals && donors.TryDraw(ref random, out var donor);)
        {
            if (!lend(group.Rows[donor], cell, borrowed))
                continue;
            found = true;
            if (differ(own, borrowed))
                break;
            refusals++;
        }

        return found;
    }

    /// <summary>Whether samples are made for a task.</summary>
    public bool IsOn(PretrainTask task) => options.Tasks.IsOn(task);

    private bool TryTakeOtherText()
    {
        var random = key.For(CorruptionStream.Match);
        if (!IsOn(PretrainTask.Itm) || random.NextDouble() >= options.MismatchShare)
            return false;
        var index = DonorIndex.Of(group);
        return TryTakeText(index.SameSubcategory(Row, donorRows), ref random) || TryTakeText(index.Any(Row, donorRows), ref random);
    }

    // A product of the very same text would be a mismatch that matches.
    private bool TryTakeText(Donors donors, ref KeyedRandom random)
    {
        while (donors.TryDraw(ref random, out var donor))
        {
            var text = group.Rows[donor].Text;
            if (!string.Equals(text, Own.Text, StringComparison.Ordinal) && otherText.TryRead(text))
                return true;
        }

        return false;
    }

    private void WriteText(MicroBatch batch, int slot)
    {
        var (length, slots) = (options.Model.TextLength, options.Model.MaxMaskedTokens);
        var ids = Text.Ids;
        var inputIds = batch.InputIds.AsSpan(slot * length, length);
        var mask = batch.InputMask.AsSpan(slot * length, length);
        inputIds.Fill(options.Tokenizer.PadId);
        mask.Clear();
        mask[..ids.Length].Fill(1);
        for (var i = 0; i < ids.Length; i++)
            inputIds[i] = ids[i];

        var random = key.For(CorruptionStream.Tokens);
        TokenMasking.Apply(
            ref random, options.Tokenizer, masking.HiddenTokens, inputIds,
            batch.MaskedPositions.AsSpan(slot * slots, slots),
            batch.MaskedIds.AsSpan(slot * slots, slots),
            batch.MaskedWeights.AsSpan(slot * slots, slots));
        if (!Matches && options.MaskMlmOnNegative)
            batch.MaskedWeights.AsSpan(slot * slots, slots).Clear();
    }

    /// <summary>Writes the hidden cells of a task's level, ascending; places and targets of a task that is off are zero.</summary>
    private void WriteHidden(PretrainTask task, Span<long> cells, Span<float> targets)
    {
        if (!IsOn(task))
        {
            cells.Clear();
            targets.Clear();
            return;
        }

        var hidden = HiddenCells(task);
        for (int cell = 0, written = 0; written < cells.Length; cell++)
        {
            if (hidden[cell])
                cells[written++] = cell;
        }
    }

    private ReadOnlySpan<bool> HiddenCells(PretrainTask task)
    {
        var level = options.Model.Patches.LevelOf(task);
        return masking.HiddenPatches.Slice(level.Offset, level.Count);
    }
}
