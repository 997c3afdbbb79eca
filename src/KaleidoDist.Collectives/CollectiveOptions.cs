namespace KaleidoDist.Collectives;

/// <summary>How a group moves values between its ranks.</summary>
public enum CollectiveTransport
{
    /// <summary>Shared memory between ranks of one host, TCP between hosts.</summary>
    Auto = 0,

    /// <summary>TCP between all ranks, even of one host.</summary>
    Tcp = 1,

    /// <summary>Shared memory; all ranks are on one host, or the group does not form.</summary>
    SharedMemory = 2,

    /// <summary>Shared memory inside each host and TCP between them; a host whose ranks cannot share memory is an error.</summary>
    Hierarchical = 3,
}

/// <summary>The type of gradients on their way over TCP; sums are always made in float32. Values travel on the wire: never renumber them.</summary>
public enum WireType
{
    /// <summary>float32: nothing is lost.</summary>
    F32 = 0,

    /// <summary>
    /// bfloat16, half the bytes. What a host sends is rounded once, its own part of the sum likewise, and each sum is rounded once on its
    /// way out: equal on all ranks and independent of chunks and buckets, but no longer of world size and grouping into hosts.
    /// </summary>
    BF16 = 1,
}

/// <summary>
/// How a group forms, moves values and waits. <see cref="VirtualRankCount"/>, <see cref="ChunkBytes"/>, <see cref="Transport"/> and
/// <see cref="WireType"/> are the same on all ranks: a peer with others is refused.
/// </summary>
public sealed record CollectiveOptions
{
    /// <summary>Leaves of the canonical tree, V: the job's virtual ranks. At least the world size.</summary>
    public required int VirtualRankCount { get; init; }

    /// <summary>How values travel.</summary>
    public CollectiveTransport Transport { get; init; } = CollectiveTransport.Auto;

    /// <summary>The type of gradients on the wire.</summary>
    public WireType WireType { get; init; } = WireType.F32;

    /// <summary>
    /// Bytes of one partial that are added at a time, a multiple of 64. A rank holds one chunk per partial of its peers: small enough that
    /// all of them stay in the L2 cache, large enough to make system calls cheap. It never changes the result.
    /// </summary>
    public int ChunkBytes { get; init; } = 128 * 1024;

    /// <summary>Longest silence in a collective that all ranks have entered.</summary>
    public TimeSpan ProgressTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Longest wait for a rank to enter a collective at all. Long, because a rank may write a checkpoint or compile kernels meanwhile; the
    /// control plane's heartbeats find a hung rank sooner.
    /// </summary>
    public TimeSpan ArrivalTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Longest time without an answer from a peer's kernel, which answers for a process that computes or is stopped too: a peer that is
    /// silent for longer is cut off. At least 6 s.
    /// </summary>
    public TimeSpan UnreachableTimeout { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Longest time for all peers to connect.</summary>
    public TimeSpan FormationTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest time for one connection to prove who it is.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of all timeouts.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Throws when a value is out of its range.</summary>
    internal void Validate(int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(VirtualRankCount, worldSize, nameof(VirtualRankCount));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ChunkBytes, nameof(ChunkBytes));
        ArgumentOutOfRangeException.ThrowIfNotEqual(ChunkBytes % NativeBuffer.AlignmentBytes, 0, nameof(ChunkBytes));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ProgressTimeout, TimeSpan.Zero, nameof(ProgressTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ArrivalTimeout, TimeSpan.Zero, nameof(ArrivalTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThan(UnreachableTimeout, TimeSpan.FromSeconds(6), nameof(UnreachableTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(FormationTimeout, TimeSpan.Zero, nameof(FormationTimeout));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(HelloTimeout, TimeSpan.Zero, nameof(HelloTimeout));
    }
}
