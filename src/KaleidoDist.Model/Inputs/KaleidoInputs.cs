using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// The input of one forward pass as tensors on the model's device: B samples, T text tokens, M slots for masked tokens, R numbers
/// per reconstructed patch. Ids, masks, positions and labels are int64, the rest float32. The creator disposes, usually by scope.
/// </summary>
public sealed record KaleidoInputs
{
    // Text lengths are rounded up to this, so that kernels see few different shapes.
    private const int TextMultiple = 8;

    /// <summary>[B, T] token ids, already masked.</summary>
    public required Tensor InputIds { get; init; }

    /// <summary>[B, T] 1 for a token, 0 for padding behind it.</summary>
    public required Tensor InputMask { get; init; }

    /// <summary>[B, P, 3*S*S] pixels or [B, P, F] bank vectors, by <c>ModelConfig.PatchEncoder</c>.</summary>
    public required Tensor Patches { get; init; }

    /// <summary>[B, P, 5] x1, x2, y1, y2, area.</summary>
    public required Tensor Positions { get; init; }

    /// <summary>[B, M] text positions of masked tokens.</summary>
    public required Tensor MaskedPositions { get; init; }

    /// <summary>[B, M] their original ids.</summary>
    public required Tensor MaskedIds { get; init; }

    /// <summary>[B, M] 1 for a masked token, 0 for a padding slot.</summary>
    public required Tensor MaskedWeights { get; init; }

    /// <summary>[n] flat indices into [B, M] of the slots to predict, ascending; null for all of them.</summary>
    public Tensor? MaskedSlots { get; init; }

    /// <summary>[B] 1 when text and picture belong together.</summary>
    public required Tensor MatchLabels { get; init; }

    /// <summary>[B] 0..3.</summary>
    public required Tensor RotationLabels { get; init; }

    /// <summary>[B] 0..23.</summary>
    public required Tensor JigsawLabels { get; init; }

    /// <summary>[B] 0..8.</summary>
    public required Tensor CamouflageLabels { get; init; }

    /// <summary>[B, g] grey patches of their level, 0..15; g is 2 for kaleido patches, 0 where there are none.</summary>
    public required Tensor GreyPositions { get; init; }

    /// <summary>[B, b] blank patches of their level, all different; b is 3 for kaleido patches.</summary>
    public required Tensor BlankPositions { get; init; }

    /// <summary>[B, g, R] what the grey patches were.</summary>
    public required Tensor GreyTargets { get; init; }

    /// <summary>[B, b, R] what the blank patches were; null for bank vectors, which the model gathers before it blanks them.</summary>
    public Tensor? BlankTargets { get; init; }

    /// <summary>Samples, B.</summary>
    public long Count => InputIds.shape[0];

    /// <summary>Text tokens, T.</summary>
    public long TextLength => InputIds.shape[1];

    /// <summary>
    /// The same inputs without what cannot matter: text columns that are padding in every sample, and slots without a masked token.
    /// Losses and gradients are those of the full inputs up to rounding; the result is a function of the inputs alone.
    /// </summary>
    public KaleidoInputs Compact()
    {
        var longest = InputMask.sum(dim: 1).max().item<long>();
        var length = Math.Clamp((longest + TextMultiple - 1) / TextMultiple * TextMultiple, 1, TextLength);
        return this with
        {
            InputIds = InputIds.narrow(1, 0, length),
            InputMask = InputMask.narrow(1, 0, length),
            MaskedSlots = MaskedWeights.flatten().nonzero().flatten(),
        };
    }
}
