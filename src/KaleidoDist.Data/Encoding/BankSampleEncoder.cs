using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Encodes a row of a bank: the vectors of its 55 patches, each task carried out by taking another vector of the bank, fresh in every
/// epoch. Decides as <see cref="KaleidoSampleEncoder"/> does. Blank patches are left to the model, which needs them as targets first.
/// A pure function of (options, row group, row, epoch). Holds buffers: one encoder per thread.
/// </summary>
public sealed class BankSampleEncoder : ISampleEncoder
{
    private readonly SampleDecisions decisions;
    private readonly int featureSize;
    private readonly float[] lent;
    private readonly PatchLender lend;

    /// <summary>Creates the encoder.</summary>
    /// <exception cref="KaleidoException">The options do not fit one another, or this process has no ICU.</exception>
    public BankSampleEncoder(SampleEncoderOptions options)
    {
        options.Validate(PatchEncoderKind.Bank);
        decisions = new SampleDecisions(options);
        featureSize = options.Model.PatchFeatureSize;
        lent = new float[featureSize];
        lend = Lend;
    }

    /// <inheritdoc/>
    public bool TryEncode(RowGroup group, int row, long epoch, MicroBatch batch, int slot)
    {
        if (!decisions.TryBegin(group, row, epoch) || Vectors(decisions.Own) is not { } vectors)
            return false;
        decisions.Decide(batch, slot);

        for (var i = 0; i < BankSchema.PositionCount; i++)
            batch.Positions[slot * BankSchema.PositionCount + i] = vectors.Positions[i];
        var patches = batch.Patches.AsSpan(slot * PatchLevels.PatchCount * featureSize, PatchLevels.PatchCount * featureSize);
        for (var index = 0; index < PatchLevels.PatchCount; index++)
            vectors.Read(index, Patch(patches, index));

        vectors.Read(BankLayout.Rotation(decisions.QuarterTurns), Patch(patches, BankLayout.Clean(1, 0)));
        WriteJigsaw(vectors, patches);
        if (decisions.IsOn(PretrainTask.Grey))
            WriteGrey(vectors, patches, batch, slot);
        if (decisions.CamouflageCell is { } cell)
            WriteCamouflage(vectors, cell, Patch(patches, BankLayout.Clean(Camouflage.Level, cell)));
        return true;
    }

    private void WriteJigsaw(BankVectors vectors, Span<float> patches)
    {
        Span<int> permutation = stackalloc int[Jigsaw.PatchCount];
        Jigsaw.Permutation(decisions.JigsawRank, permutation);
        for (var cell = 0; cell < permutation.Length; cell++)
            vectors.Read(BankLayout.Clean(2, permutation[cell]), Patch(patches, BankLayout.Clean(2, cell)));
    }

    private void WriteGrey(BankVectors vectors, Span<float> patches, MicroBatch batch, int slot)
    {
        var count = PatchLayout.Kaleido.Corrupted(PretrainTask.Grey);
        for (var i = slot * count; i < (slot + 1) * count; i++)
        {
            var cell = (int)batch.GreyPositions[i];
            vectors.Read(BankLayout.Clean(4, cell), batch.GreyTargets.AsSpan(i * featureSize, featureSize));
            vectors.Read(BankLayout.Grey(cell), Patch(patches, BankLayout.Clean(4, cell)));
        }
    }

    private void WriteCamouflage(BankVectors own, int cell, Span<float> patch)
    {
        if (!decisions.TryBorrow(cell, patch, lent, lend, Camouflage.VectorsDiffer))
            own.Read(BankLayout.Clean(Camouflage.Level, Camouflage.StandIn(cell)), lent);
        lent.CopyTo(patch);
    }

    private bool Lend(RawRow donor, int cell, Span<float> vector)
    {
        if (Vectors(donor) is not { } vectors)
            return false;
        vectors.Read(BankLayout.Clean(Camouflage.Level, cell), vector);
        return true;
    }

    private BankVectors? Vectors(RawRow row) => row.Vectors is { } vectors && vectors.Features.Length != BankLayout.ByteCount(featureSize)
        ? throw KaleidoException.Usage(
            $"Sample {row.SampleIndex} has {vectors.Features.Length:N0} bytes of patch vectors; expected {BankLayout.ByteCount(featureSize):N0}, {BankLayout.VectorCount} vectors of {featureSize}. "
            + "Set model.patch_feature_size to the bank's.")
        : row.Vectors;

    private Span<float> Patch(Span<float> patches, int index) => patches.Slice(index * featureSize, featureSize);
}
