namespace KaleidoDist.Model;

/// <summary>
/// What the losses of a micro-batch are divided by: the counts of the whole leaf it is part of. So the losses, and gradients, of a
/// leaf's micro-batches add up to those of the leaf, however it is cut.
/// </summary>
/// <param name="MaskedWeights">Sum of masked-token weights of the leaf.</param>
/// <param name="Samples">Samples of the leaf.</param>
public readonly record struct LossScale(double MaskedWeights, int Samples)
{
    /// <summary>Keeps the token loss finite where nothing is masked (KALEIDO-BERT section 2).</summary>
    public const double MaskedWeightOffset = 1e-5;
}
