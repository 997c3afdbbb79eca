namespace KaleidoDist.Training;

/// <summary>What steps count beside the weights; part of the state that a joiner takes over.</summary>
/// <param name="NonFiniteInARow">Steps in a row, up to the last, whose gradient was not finite.</param>
/// <param name="ReplacedSamples">Samples another row stood in for, since this job's ranks were started.</param>
public readonly record struct ReplicaCounters(int NonFiniteInARow, long ReplacedSamples);
