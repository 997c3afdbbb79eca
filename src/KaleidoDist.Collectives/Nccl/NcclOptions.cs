using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>How a group of GPUs reduces and waits. <see cref="Reduction"/> and <see cref="ChunkCount"/> are the same on all ranks.</summary>
public sealed record NcclOptions
{
    /// <summary>Along the canonical tree by sends and receives, or by NCCL's own all-reduce, whose bits depend on the world.</summary>
    public ReductionMode Reduction { get; init; } = ReductionMode.Exact;

    /// <summary>
    /// Values of one partial that are exchanged at a time in exact mode. A rank holds one chunk per partial of its peers in device memory; 16 MiB
    /// each are long enough to fill any link. It never changes the result.
    /// </summary>
    public int ChunkCount { get; init; } = 4 << 20;

    /// <summary>Longest time for the work of a collective after all ranks have entered it. When they enter is the control group's concern.</summary>
    public TimeSpan ProgressTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest time for the communicator to form: NCCL looks at the machine's topology first.</summary>
    public TimeSpan FormationTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The clock of all timeouts.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Throws when a value is out of its range.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ChunkCount, nameof(ChunkCount));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ProgressTimeout, TimeSpan.Zero, nameof(ProgressTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(FormationTimeout, TimeSpan.Zero, nameof(FormationTimeout));
    }
}
