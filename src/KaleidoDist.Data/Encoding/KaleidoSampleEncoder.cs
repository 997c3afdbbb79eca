using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Encodes a row for the pixel patch encoder: locked crop, patches, tokens, and the seven tasks' corruptions and labels, fresh in
/// every epoch. A pure function of (options, row group, row, epoch): other samples, slots and earlier calls leave no trace in the numbers.
/// Holds buffers and decoded pictures: one encoder per thread.
/// </summary>
/// <remarks>
/// 1. text and picture of the row, or false; 2. what the tasks do; 3. clean patches and positions; 4. each level as its task has it.
/// </remarks>
public sealed class KaleidoSampleEncoder : ISampleEncoder
{
    // Twice the finest grid's pixels: a box of half the picture's side still has one input pixel or more per output pixel.
    private const int DecodedPixelsPerCellPixel = 2;

    private readonly ModelConfig model;
    private readonly PatchLayout layout;
    private readonly SampleDecisions decisions;
    private readonly CropCache crops;
    private readonly PatchLender lend;
    private readonly int patchLength;
    private readonly float[] fourPatches;
    private readonly float[] averaged = new float[ReconstructionTarget.Length];

    /// <summary>Creates the encoder.</summary>
    /// <exception cref="KaleidoException">The options do not fit one another, or this process has no ICU.</exception>
    public KaleidoSampleEncoder(SampleEncoderOptions options)
    {
        options.Validate(PatchEncoderKind.Pixels);
        model = options.Model;
        layout = model.Patches;
        decisions = new SampleDecisions(options);
        crops = new CropCache(MinimumDecodedSide(model), options.CropCacheBytes, options.Box);
        lend = Lend;
        patchLength = KaleidoPatches.PatchLength(model.CellSide);
        fourPatches = new float[Jigsaw.PatchCount * patchLength];
    }

    /// <summary>What <see cref="PictureDecoder"/> is asked for: the shorter side in pixels under which no picture is scaled while decoding.</summary>
    public static int MinimumDecodedSide(ModelConfig model) => DecodedPixelsPerCellPixel * model.Patches.FinestGrid * model.CellSide;

    /// <inheritdoc/>
    public bool TryEncode(RowGroup group, int row, long epoch, MicroBatch batch, int slot)
    {
        // 1 and 2
        if (!decisions.TryBegin(group, row, epoch) || crops.Get(decisions.Own) is not { } crop)
            return false;
        decisions.Decide(batch, slot);

        // 3
        var patches = Slot(batch.Patches, slot, layout.PatchCount * patchLength);
        KaleidoPatches.Cut(crop, model.CellSide, patches, layout);
        KaleidoPatches.WritePositions(crop.Width, crop.Height, Slot(batch.Positions, slot, layout.PatchCount * PatchNumbers.PositionSize), layout);

        // 4; targets come from the crop before the camouflage's donor may push it out of the cache.
        if (decisions.IsOn(PretrainTask.Rotation))
            WriteRotation(Level(patches, PretrainTask.Rotation));
        if (decisions.IsOn(PretrainTask.Jigsaw))
            WriteJigsaw(Level(patches, PretrainTask.Jigsaw));
        if (decisions.IsOn(PretrainTask.Grey))
            WriteGrey(Level(patches, PretrainTask.Grey), crop, batch, slot);
        if (decisions.IsOn(PretrainTask.Blank))
            WriteBlank(Level(patches, PretrainTask.Blank), crop, batch, slot);
        if (decisions.CamouflageCell is { } camouflaged)
            WriteCamouflage(Level(patches, PretrainTask.Camouflage), camouflaged);
        return true;
    }

    private void WriteRotation(Span<float> patch)
    {
        var clean = fourPatches.AsSpan(0, patchLength);
        patch.CopyTo(clean);
        Rotation.Turn(clean, model.CellSide, decisions.QuarterTurns, patch);
    }

    private void WriteJigsaw(Span<float> patches)
    {
        patches.CopyTo(fourPatches);
        Jigsaw.Permute(fourPatches, decisions.JigsawRank, patches);
    }

    private void WriteGrey(Span<float> patches, Picture crop, MicroBatch batch, int slot)
    {
        foreach (var cell in WriteTargets(PretrainTask.Grey, crop, batch.GreyPositions, batch.GreyTargets, slot))
            GreyPatch.Apply(Patch(patches, (int)cell));
    }

    // Zero is mid-grey in [-1, 1]: no content, yet unlike the white background that most pictures have.
    private void WriteBlank(Span<float> patches, Picture crop, MicroBatch batch, int slot)
    {
        foreach (var cell in WriteTargets(PretrainTask.Blank, crop, batch.BlankPositions, batch.BlankTargets, slot))
            Patch(patches, (int)cell).Clear();
    }

    /// <summary>Writes what the patches of a reconstruction task were, and returns their cells.</summary>
    private ReadOnlySpan<long> WriteTargets(PretrainTask task, Picture crop, long[] positions, float[] targets, int slot)
    {
        var cells = Slot(positions, slot, layout.Corrupted(task));
        for (var i = 0; i < cells.Length; i++)
            WriteTarget(crop, layout.LevelOf(task).Grid, (int)cells[i], Slot(targets, slot * cells.Length + i, ReconstructionTarget.Length));
        return cells;
    }

    private void WriteTarget(Picture crop, int grid, int cell, Span<float> target)
    {
        KaleidoPatches.CutCell(crop, grid, cell, PatchNumbers.ReconstructionSide, averaged);
        ReconstructionTarget.Standardize(averaged, target);
    }

    private void WriteCamouflage(Span<float> patches, int cell)
    {
        var patch = Patch(patches, cell);
        var lent = fourPatches.AsSpan(0, patchLength);
        if (!decisions.TryBorrow(cell, patch, lent, lend, Camouflage.Differs))
            Camouflage.Mirror(patches, cell, model.CellSide, lent);
        lent.CopyTo(patch);
    }

    private bool Lend(RawRow donor, int cell, Span<float> patch)
    {
        if (crops.Get(donor) is not { } crop)
            return false;
        KaleidoPatches.CutCell(crop, Camouflage.Level, cell, model.CellSide, patch);
        return true;
    }

    private Span<float> Level(Span<float> patches, PretrainTask task)
    {
        var level = layout.LevelOf(task);
        return patches.Slice(level.Offset * patchLength, level.Count * patchLength);
    }

    private Span<float> Patch(Span<float> patches, int index) => patches.Slice(index * patchLength, patchLength);

    private static Span<T> Slot<T>(T[] values, int slot, int length) => values.AsSpan(slot * length, length);
}
