using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The input of one forward and backward pass, B samples, corrupted and labelled, in managed arrays (row-major). T is
/// <see cref="ModelConfig.TextLength"/>, M <see cref="ModelConfig.MaxMaskedTokens"/>, R <see cref="ModelConfig.ReconstructionSize"/>,
/// P the patches of <see cref="ModelConfig.Patches"/> (55 kaleido patches); counts of grey and blank ones are the kaleido patches' too.
/// </summary>
public sealed class MicroBatch
{
    /// <summary>Allocates a micro-batch of <paramref name="count"/> samples for a model.</summary>
    public MicroBatch(int count, ModelConfig model)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Count = count;
        var patches = model.Patches;
        var patchNumbers = model.PatchEncoder == PatchEncoderKind.Pixels ? model.CellPixelCount : model.PatchFeatureSize;
        SampleIds = new long[count];
        InputIds = new long[count * model.TextLength];
        InputMask = new long[count * model.TextLength];
        MaskedPositions = new long[count * model.MaxMaskedTokens];
        MaskedIds = new long[count * model.MaxMaskedTokens];
        MaskedWeights = new float[count * model.MaxMaskedTokens];
        Patches = new float[count * patches.PatchCount * patchNumbers];
        Positions = new float[count * patches.PatchCount * PatchNumbers.PositionSize];
        MatchLabels = new long[count];
        RotationLabels = new long[count];
        JigsawLabels = new long[count];
        CamouflageLabels = new long[count];
        GreyPositions = new long[count * patches.Corrupted(PretrainTask.Grey)];
        BlankPositions = new long[count * patches.Corrupted(PretrainTask.Blank)];
        GreyTargets = new float[count * patches.Corrupted(PretrainTask.Grey) * model.ReconstructionSize];
        BlankTargets = model.PatchEncoder == PatchEncoderKind.Pixels ? new float[count * patches.Corrupted(PretrainTask.Blank) * model.ReconstructionSize] : [];
    }

    /// <summary>Samples, B.</summary>
    public int Count { get; }

    /// <summary>[B] identity of each sample in its data set.</summary>
    public long[] SampleIds { get; }

    /// <summary>[B, T] token ids, already masked; padded with 0.</summary>
    public long[] InputIds { get; }

    /// <summary>[B, T] 1 for a token, 0 for padding.</summary>
    public long[] InputMask { get; }

    /// <summary>[B, M] text positions of masked tokens, ascending, padded with 0.</summary>
    public long[] MaskedPositions { get; }

    /// <summary>[B, M] original ids at these positions, padded with 0.</summary>
    public long[] MaskedIds { get; }

    /// <summary>[B, M] 1 for a masked token, 0 for a padding slot.</summary>
    public float[] MaskedWeights { get; }

    /// <summary>
    /// [B, P, 3*S*S] pixels in [-1, 1], channels first, corrupted (rotated, permuted, camouflaged, greyed, blanked), or [B, P, F]
    /// bank vectors.
    /// </summary>
    public float[] Patches { get; }

    /// <summary>[B, P, 5] x1, x2, y1, y2, area of each slot in the frame of the foreground box, in [0, 1].</summary>
    public float[] Positions { get; }

    /// <summary>[B] 1 when text and picture belong together.</summary>
    public long[] MatchLabels { get; }

    /// <summary>[B] 0..3, counter-clockwise quarter turns of the 1x1 patch.</summary>
    public long[] RotationLabels { get; }

    /// <summary>[B] 0..23, lexicographic rank of the permutation of the 2x2 patches.</summary>
    public long[] JigsawLabels { get; }

    /// <summary>[B] 0..8, the 3x3 patch that comes from another product.</summary>
    public long[] CamouflageLabels { get; }

    /// <summary>[B, 2] the grey patches of level 4, ascending.</summary>
    public long[] GreyPositions { get; }

    /// <summary>[B, 3] the blank patches of level 5, ascending.</summary>
    public long[] BlankPositions { get; }

    /// <summary>[B, 2, R] what the grey patches were: fixed functions of the clean patch.</summary>
    public float[] GreyTargets { get; }

    /// <summary>[B, 3, R] what the blank patches were; empty for bank vectors, which the model gathers before it blanks them.</summary>
    public float[] BlankTargets { get; }

    /// <summary>Samples whose own row did not decode and which another row stands in for.</summary>
    public int ReplacedCount { get; set; }

    /// <summary>Sum of <see cref="MaskedWeights"/>: what the token loss of a leaf is normalised by.</summary>
    public double MaskedWeightSum
    {
        get
        {
            double sum = 0;
            foreach (var weight in MaskedWeights)
                sum += weight;
            return sum;
        }
    }
}
