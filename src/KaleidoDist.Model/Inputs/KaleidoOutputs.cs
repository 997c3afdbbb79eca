using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>What one forward pass yields, float32; S = T + P tokens of width H. Owned by the caller's dispose scope.</summary>
public sealed record KaleidoOutputs
{
    /// <summary>[B, S, H] last hidden states: text, then the levels of patches.</summary>
    public required Tensor Sequence { get; init; }

    /// <summary>[B, H] pooled [CLS].</summary>
    public required Tensor Pooled { get; init; }

    /// <summary>[n, V] token logits, one row per slot of <see cref="KaleidoInputs.MaskedSlots"/> (or all B*M slots).</summary>
    public required Tensor MlmLogits { get; init; }

    /// <summary>[B, 2] index 1 = match.</summary>
    public required Tensor MatchLogits { get; init; }

    /// <summary>[B, 4]; null where the patches have no such task.</summary>
    public required Tensor? RotationLogits { get; init; }

    /// <summary>[B, 24]; null where the patches have no such task.</summary>
    public required Tensor? JigsawLogits { get; init; }

    /// <summary>[B, 9]; null where the patches have no such task.</summary>
    public required Tensor? CamouflageLogits { get; init; }

    /// <summary>[B, 2, R]; null where the patches have no such task.</summary>
    public required Tensor? GreyLogits { get; init; }

    /// <summary>[B, b, R].</summary>
    public required Tensor BlankLogits { get; init; }

    /// <summary>[B, b, R] what <see cref="BlankLogits"/> should reconstruct.</summary>
    public required Tensor BlankTargets { get; init; }
}
