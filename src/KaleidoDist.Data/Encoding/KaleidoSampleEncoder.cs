using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Encodes a row for the pixel patch encoder: locked crop, 55 patches, tokens, and the seven tasks' corruptions and labels, fresh in
/// every epoch. A pure function of (options, row group, row, epoch): other samples, slots and earlier calls leave no trace in the numbers.
/// Holds buffers and decoded pictures: one encoder per thread.
/// </summary>
/// <remarks>
/// 1. picture and text of the row, or false; 2. clean patches and positions; 3. whose text; 4. what to hide; 5. text; 6. patches by level.
/// </remarks>
public sealed class KaleidoSampleEncoder : ISampleEncoder
{
    // Twice the finest grid's pixels: a box of half the picture's side still has one input pixel or more per output pixel.
    private const int DecodedPixelsPerCellPixel = 2;

    private readonly SampleEncoderOptions options;
    private readonly ModelConfig model;
    private readonly WordPieceTokenizer tokenizer;
    private readonly CropCache crops;
    private readonly AlignmentGuidedMasking masking;
    private readonly int patchLength;
    private readonly TokenBuffer ownText;
    private readonly TokenBuffer otherText;
    private readonly float[] fourPatches;
    private readonly float[] averaged = new float[ReconstructionTarget.Length];
    private int[] donorRows = [];

    /// <summary>Creates the encoder.</summary>
    /// <exception cref="KaleidoException">The options do not fit one another, or this process has no ICU.</exception>
    public KaleidoSampleEncoder(SampleEncoderOptions options)
    {
        options.Validate();
        this.options = options;
        model = options.Model;
        tokenizer = options.Tokenizer;
        crops = new CropCache(MinimumDecodedSide(model), options.CropCacheBytes);
        masking = new AlignmentGuidedMasking(model.TextLength, model.MaxMaskedTokens);
        patchLength = KaleidoPatches.PatchLength(model.CellSide);
        ownText = new TokenBuffer(tokenizer, model.TextLength);
        otherText = new TokenBuffer(tokenizer, model.TextLength);
        fourPatches = new float[Jigsaw.PatchCount * patchLength];
    }

    /// <summary>What <see cref="PictureDecoder"/> is asked for: the shorter side in pixels under which no picture is scaled while decoding.</summary>
    public static int MinimumDecodedSide(ModelConfig model) => DecodedPixelsPerCellPixel * PatchLevels.Count * model.CellSide;

    /// <inheritdoc/>
    public bool TryEncode(RowGroup group, int row, long epoch, MicroBatch batch, int slot)
    {
        var own = group.Rows[row];
        var key = new SampleKey(options.Seed, options.FixedEpoch ?? epoch, own.SampleIndex);
        if (donorRows.Length < group.Rows.Count)
            donorRows = new int[group.Rows.Count];

        // 1
        if (!ownText.TryRead(own.Text) || crops.Get(own) is not { } crop)
            return false;

        // 2
        var patches = Slot(batch.Patches, slot, PatchLevels.PatchCount * patchLength);
        KaleidoPatches.Cut(crop, model.CellSide, patches);
        KaleidoPatches.WritePositions(crop.Width, crop.Height, Slot(batch.Positions, slot, PatchLevels.PatchCount * PatchLevels.PositionSize));
        batch.SampleIds[slot] = own.SampleIndex;

        // 3
        var matches = !TryTakeOtherText(group, row, key);
        var text = matches ? ownText : otherText;
        batch.MatchLabels[slot] = matches ? 1 : 0;

        // 4: another product's text is aligned with nothing here.
        var maskingRandom = key.For(CorruptionStream.Masking);
        masking.Choose(ref maskingRandom, text.WordStart, matches ? own.Alignments : []);

        // 5 and 6; targets come from the crop before the camouflage's donor may push it out of the cache.
        WriteText(text.Ids, key, batch, slot);
        WriteRotation(Level(patches, 1), key, batch, slot);
        WriteJigsaw(Level(patches, 2), key, batch, slot);
        WriteGrey(Level(patches, 4), crop, batch, slot);
        WriteBlank(Level(patches, 5), crop, batch, slot);
        WriteCamouflage(Level(patches, Camouflage.Level), group, row, key, batch, slot);
        return true;
    }

    private bool TryTakeOtherText(RowGroup group, int row, SampleKey key)
    {
        var random = key.For(CorruptionStream.Match);
        if (random.NextDouble() >= options.MismatchShare)
            return false;
        var index = DonorIndex.Of(group);
        return TryTakeText(index.SameSubcategory(row, donorRows), group, row, ref random)
            || TryTakeText(index.Any(row, donorRows), group, row, ref random);
    }

    // A product of the very same text would be a mismatch that matches.
    private bool TryTakeText(Donors donors, RowGroup group, int row, ref KeyedRandom random)
    {
        while (donors.TryDraw(ref random, out var donor))
        {
            var text = group.Rows[donor].Text;
            if (!string.Equals(text, group.Rows[row].Text, StringComparison.Ordinal) && otherText.TryRead(text))
                return true;
        }

        return false;
    }

    private void WriteText(ReadOnlySpan<int> ids, SampleKey key, MicroBatch batch, int slot)
    {
        var inputIds = Slot(batch.InputIds, slot, model.TextLength);
        var mask = Slot(batch.InputMask, slot, model.TextLength);
        inputIds.Fill(tokenizer.PadId);
        mask.Clear();
        mask[..ids.Length].Fill(1);
        for (var i = 0; i < ids.Length; i++)
            inputIds[i] = ids[i];

        var random = key.For(CorruptionStream.Tokens);
        TokenMasking.Apply(
            ref random, tokenizer, masking.HiddenTokens, inputIds,
            Slot(batch.MaskedPositions, slot, model.MaxMaskedTokens),
            Slot(batch.MaskedIds, slot, model.MaxMaskedTokens),
            Slot(batch.MaskedWeights, slot, model.MaxMaskedTokens));
    }

    private void WriteRotation(Span<float> patch, SampleKey key, MicroBatch batch, int slot)
    {
        var turns = key.For(CorruptionStream.Rotation).Next(Rotation.ClassCount);
        batch.RotationLabels[slot] = turns;
        var clean = fourPatches.AsSpan(0, patchLength);
        patch.CopyTo(clean);
        Rotation.Turn(clean, model.CellSide, turns, patch);
    }

    private void WriteJigsaw(Span<float> patches, SampleKey key, MicroBatch batch, int slot)
    {
        var rank = key.For(CorruptionStream.Jigsaw).Next(Jigsaw.ClassCount);
        batch.JigsawLabels[slot] = rank;
        patches.CopyTo(fourPatches);
        Jigsaw.Permute(fourPatches, rank, patches);
    }

    private void WriteGrey(Span<float> patches, Picture crop, MicroBatch batch, int slot)
    {
        var written = 0;
        var positions = Slot(batch.GreyPositions, slot, PatchLevels.GreyCount);
        for (var cell = 0; cell < PatchLevels.Size(4); cell++)
        {
            if (!IsHidden(4, cell))
                continue;
            WriteTarget(crop, 4, cell, Slot(batch.GreyTargets, slot * PatchLevels.GreyCount + written, ReconstructionTarget.Length));
            positions[written++] = cell;
            GreyPatch.Apply(Patch(patches, cell));
        }
    }

    // Zero is mid-grey in [-1, 1]: no content, yet unlike the white background that most pictures have.
    private void WriteBlank(Span<float> patches, Picture crop, MicroBatch batch, int slot)
    {
        var written = 0;
        var positions = Slot(batch.BlankPositions, slot, PatchLevels.BlankCount);
        for (var cell = 0; cell < PatchLevels.Size(5); cell++)
        {
            if (!IsHidden(5, cell))
                continue;
            WriteTarget(crop, 5, cell, Slot(batch.BlankTargets, slot * PatchLevels.BlankCount + written, ReconstructionTarget.Length));
            positions[written++] = cell;
            Patch(patches, cell).Clear();
        }
    }

    private void WriteTarget(Picture crop, int level, int cell, Span<float> target)
    {
        KaleidoPatches.CutCell(crop, level, cell, PatchLevels.ReconstructionSide, averaged);
        ReconstructionTarget.Standardize(averaged, target);
    }

    private void WriteCamouflage(Span<float> patches, RowGroup group, int row, SampleKey key, MicroBatch batch, int slot)
    {
        var cell = 0;
        while (!IsHidden(Camouflage.Level, cell))
            cell++;
        batch.CamouflageLabels[slot] = cell;

        var patch = Patch(patches, cell);
        var lent = fourPatches.AsSpan(0, patchLength);
        var random = key.For(CorruptionStream.Camouflage);
        var donors = DonorIndex.Of(group).Any(row, donorRows);
        var found = false;
        for (var refusals = 0; refusals <= Camouflage.MaxRefusals && donors.TryDraw(ref random, out var donor);)
        {
            if (crops.Get(group.Rows[donor]) is not { } crop)
                continue;
            KaleidoPatches.CutCell(crop, Camouflage.Level, cell, model.CellSide, lent);
            found = true;
            if (Camouflage.Differs(patch, lent))
                break;
            refusals++;
        }

        if (!found)
            Camouflage.Mirror(patches, cell, model.CellSide, lent);
        lent.CopyTo(patch);
    }

    private bool IsHidden(int level, int cell) => masking.HiddenPatches[PatchLevels.Offset(level) + cell];

    private Span<float> Level(Span<float> patches, int level) => patches.Slice(PatchLevels.Offset(level) * patchLength, PatchLevels.Size(level) * patchLength);

    private Span<float> Patch(Span<float> patches, int index) => patches.Slice(index * patchLength, patchLength);

    private static Span<T> Slot<T>(T[] values, int slot, int length) => values.AsSpan(slot * length, length);
}
