namespace KaleidoDist.Data;

/// <summary>The encoded samples of one virtual rank in one step, in micro-batches: what one forward and backward pass each takes.</summary>
/// <param name="Step">Global step; in an evaluation the number of the micro-batch in its virtual rank.</param>
/// <param name="VirtualRank">Whose samples these are.</param>
/// <param name="Count">Samples; 0 is possible in the last step of an epoch.</param>
/// <param name="MicroBatches">Count samples in the plan's order, full micro-batches first.</param>
/// <param name="MaskedWeightSum">Masked tokens of all micro-batches: what the token loss of the leaf is normalised by.</param>
/// <param name="ReplacedCount">Samples whose own row did not decode and which another row of its row group stands in for.</param>
public sealed record Leaf(
    long Step,
    int VirtualRank,
    int Count,
    IReadOnlyList<MicroBatch> MicroBatches,
    double MaskedWeightSum,
    int ReplacedCount);
