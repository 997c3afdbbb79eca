using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>Memory that one rank needs, in bytes: exact for the flat buffers, an estimate for the rest.</summary>
/// <param name="WeightBytes">Weights, float32.</param>
/// <param name="GradientBytes">Gradients, float32.</param>
/// <param name="MomentBytes">Both moments of AdamW, float32.</param>
/// <param name="PartialBytes">Sums over subtrees of the rank's virtual ranks.</param>
/// <param name="SnapshotBytes">The rank's share of a checkpoint on its way to disk: its part of weights and moments.</param>
/// <param name="DataBytes">Row groups that samples are drawn from; an estimate, from the mean size of one on disk.</param>
/// <param name="ActivationBytes">What a forward pass of one micro-batch keeps for its backward pass; an estimate.</param>
/// <param name="ProgramBytes">The program and libtorch; an estimate.</param>
internal sealed record MemoryEstimate(
    long WeightBytes, long GradientBytes, long MomentBytes, long PartialBytes, long SnapshotBytes, long DataBytes, long ActivationBytes, long ProgramBytes)
{
    private const int FloatBytes = 4;

    /// <summary>Resident size of a rank with an almost empty model: the runtime, libtorch's code and its thread pools.</summary>
    private const long BareProgramBytes = 256L << 20;

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + GradientBytes + MomentBytes + PartialBytes + SnapshotBytes + DataBytes + ActivationBytes + ProgramBytes;

    /// <summary>Estimates a rank.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="train">Its training data.</param>
    /// <param name="bufferLength">Elements of a flat buffer (<see cref="ParameterLayout.Length"/>).</param>
    /// <param name="worldSize">Ranks, W.</param>
    /// <param name="hosted">The virtual ranks that this one hosts.</param>
    internal static MemoryEstimate Of(JobSpec spec, DatasetPlan train, long bufferLength, int worldSize, VirtualRankRange hosted)
    {
        var training = spec.Training;
        var buffer = bufferLength * FloatBytes;
        var groups = Math.Min(LeafFeed.GroupCapacity(hosted.Count, spec.Data.ShuffleWindow), train.RowGroups);
        return new MemoryEstimate(
            buffer,
            buffer,
            2 * buffer,
            MostPartials(training.VirtualRanks, hosted) * buffer,
            3 * buffer / worldSize,
            train.RowGroups == 0 ? 0 : (long)((double)train.Bytes / train.RowGroups * groups),
            Activations(spec.Model, Math.Min(training.MicroBatchSize, training.LeafSize)),
            BareProgramBytes);
    }

    /// <summary>The most sums a rank holds at once while it adds its leaves in order.</summary>
    internal static int MostPartials(int virtualRankCount, VirtualRankRange hosted)
    {
        var tree = new CanonicalTree(virtualRankCount);
        return Enumerable.Range(1, hosted.Count).Max(leaves => tree.Decompose(new VirtualRankRange(hosted.First, leaves)).Length);
    }

    /// <summary>
    /// Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models" (2022), equation 2, for 32-bit numbers:
    /// a layer keeps s*b*h*(34 + 5*a*s/h) bytes at 16 bits, and about twice that at 32; masked-word logits are kept beside it.
    /// </summary>
    internal static long Activations(ModelConfig model, int microBatchSize)
    {
        double tokens = model.TextLength + model.Patches.PatchCount;
        var layer = 2 * tokens * microBatchSize * model.HiddenSize * (34 + 5 * model.HeadCount * tokens / model.HiddenSize);
        var logits = 2.0 * FloatBytes * microBatchSize * model.MaxMaskedTokens * model.VocabularySize;
        return (long)(layer * model.LayerCount + logits);
    }
}
