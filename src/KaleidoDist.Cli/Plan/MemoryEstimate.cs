using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Memory that one rank needs, in bytes: exact for the flat buffers, an estimate for the rest.</summary>
/// <param name="WeightBytes">Weights, float32.</param>
/// <param name="GradientBytes">Gradients, float32.</param>
/// <param name="MomentBytes">Both moments of AdamW, float32.</param>
/// <param name="PartialBytes">Sums over subtrees of the rank's virtual ranks.</param>
/// <param name="ActivationBytes">What a forward pass of one micro-batch keeps for its backward pass; an estimate.</param>
/// <param name="ProgramBytes">The program and libtorch; an estimate.</param>
internal sealed record MemoryEstimate(
    long WeightBytes, long GradientBytes, long MomentBytes, long PartialBytes, long ActivationBytes, long ProgramBytes)
{
    private const int FloatBytes = 4;

    /// <summary>Resident size of a rank with an almost empty model: the runtime, libtorch's code and its thread pools.</summary>
    private const long BareProgramBytes = 256L << 20;

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + GradientBytes + MomentBytes + PartialBytes + ActivationBytes + ProgramBytes;

    /// <summary>Estimates a rank.</summary>
    /// <param name="model">Sizes of the model.</param>
    /// <param name="bufferLength">Elements of a flat buffer (<see cref="ParameterLayout.Length"/>).</param>
    /// <param name="microBatchSize">Samples of one forward pass.</param>
    /// <param name="virtualRankCount">Virtual ranks of the job, V.</param>
    /// <param name="hosted">Those the rank hosts.</param>
    internal static MemoryEstimate Of(ModelConfig model, long bufferLength, int microBatchSize, int virtualRankCount, VirtualRankRange hosted)
    {
        var buffer = bufferLength * FloatBytes;
        return new MemoryEstimate(buffer, buffer, 2 * buffer, MostPartials(virtualRankCount, hosted) * buffer, Activations(model, microBatchSize), BareProgramBytes);
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
