namespace KaleidoDist.Collectives;

/// <summary>
/// The memory that the ranks of one host share, as one of them sees it: words and slots by which they meet, and a region per rank that
/// only this rank allocates from. Regions are so large that nobody ever has to ask for more: what is not reserved costs nothing.
/// </summary>
internal sealed class HostArena : IMemorySource, IDisposable
{
    /// <summary>
    /// Bytes of each partial and of the result that a call moves at a time when they lie in other memory: enough to hide the two meetings
    /// per round, little enough to be set aside for good.
    /// </summary>
    public const int RoundBytes = 4 << 20;

    /// <summary>Value of <see cref="PublishedOffset"/> for memory outside the arena: the values are in the rank's staging blocks.</summary>
    public const long Staged = -1;

    private const long RegionBytes = 1L << 38;
    private const long ArrivalsOffset = 64;
    private const long EpochOffset = 128;
    private const long SleepersOffset = 192;
    private const long FaultOffset = 256;
    private const long SlotsOffset = 4096;
    private const long SlotBytes = 2048;
    private const long SlotProgressOffset = 32;
    private const long SlotClaimsOffset = 64;
    private const long SlotCallsOffset = 128; // Two of them: of this call and of the one before, which a slow rank may still be reading.
    private const long SlotCallBytes = 960;
    private const long SlotRangesOffset = 32; // Behind the header.

    private readonly SharedMemory memory;
    private readonly RangeAllocator ranges;
    private readonly int place;
    private readonly Lock gate = new();
    private long usedEnd; // Pages before it may hold old values.

    private HostArena(SharedMemory memory, int place, int rankCount, int blockCount)
    {
        this.memory = memory;
        this.place = place;
        RankCount = rankCount;
        ranges = new RangeAllocator(StagingBytes(blockCount), RegionBytes);
    }

    /// <summary>Ranks that share it.</summary>
    public int RankCount { get; }

    /// <summary>Times that all ranks of the host have come to a meeting, counted per rank: their sum.</summary>
    public ref long Arrivals => ref memory.Int64(ArrivalsOffset);

    /// <summary>Twice the number of meetings that are over; odd once the group was given up.</summary>
    public ref int Epoch => ref memory.Int32(EpochOffset);

    /// <summary>Ranks that sleep on <see cref="Epoch"/> (or were killed while they did).</summary>
    public ref int Sleepers => ref memory.Int32(SleepersOffset);

    /// <summary>Who gave the group up, and because of whom; 0 while nobody did.</summary>
    public ref int Fault => ref memory.Int32(FaultOffset);

    /// <summary>Creates the arena of a host; <paramref name="token"/> receives what others need to open it.</summary>
    /// <param name="place">This rank's place in the host.</param>
    /// <param name="rankCount">Ranks of the host.</param>
    /// <param name="blockCount">Staging blocks this rank needs: its partials and its result.</param>
    /// <param name="token">Receives the token.</param>
    /// <param name="descriptor">Receives the number under which this process has the memory open.</param>
    /// <returns>Null when the system has no such memory, or not enough.</returns>
    public static HostArena? TryCreate(int place, int rankCount, int blockCount, Span<byte> token, out int descriptor)
    {
        var memory = SharedMemory.TryCreate(LengthFor(rankCount), token);
        descriptor = memory?.Descriptor ?? -1;
        if (memory is null)
            return null;
        if (memory.TryReserve(0, Pages(SlotsOffset + rankCount * SlotBytes)))
            return new HostArena(memory, place, rankCount, blockCount);
        memory.Dispose();
        return null;
    }

    /// <summary>Opens the arena that another rank of the host created.</summary>
    /// <returns>Null when it cannot be mapped here.</returns>
    public static HostArena? TryOpen(int processId, int descriptor, ReadOnlySpan<byte> token, int place, int rankCount, int blockCount)
        => SharedMemory.TryOpen(processId, descriptor, LengthFor(rankCount), token) is { } memory
            ? new HostArena(memory, place, rankCount, blockCount)
            : null;

    /// <summary>Memory of this rank's region, zeroed.</summary>
    /// <returns>Null when the machine has not enough.</returns>
    public NativeBuffer? TryAllocate(long floatCount)
    {
        var byteCount = Pages(Math.Max(1, checked(floatCount * sizeof(float))));
        long offset;
        lock (gate)
        {
            offset = ranges.Take(byteCount, byteCount >= SharedMemory.HugePageBytes ? SharedMemory.HugePageBytes : SharedMemory.PageBytes);
            if (offset < 0)
                return null;
            // Not when they are returned: a generation that ends gives everything back at once anyway, and is in a hurry.
            if (offset < usedEnd)
                memory.Release(RegionOf(place) + offset, byteCount);
            usedEnd = Math.Max(usedEnd, offset + byteCount);
        }

        var isHeld = false;
        memory.DangerousAddRef(ref isHeld); // The buffer may outlive the group.
        if (memory.TryReserve(RegionOf(place) + offset, byteCount))
            return new NativeBuffer(AddressOf(place, offset), floatCount * sizeof(float), this);
        Release(AddressOf(place, offset));
        return null;
    }

    /// <inheritdoc/>
    public void Release(nint address)
    {
        var offset = address - AddressOf(place, 0);
        lock (gate)
            ranges.Return(offset);
        memory.DangerousRelease();
    }

    /// <summary>Where <paramref name="values"/> lie in this rank's region; <see cref="Staged"/> when they lie elsewhere.</summary>
    public long OffsetOf(FloatRange values)
    {
        var offset = values.Address - AddressOf(place, 0);
        return offset >= 0 && offset + values.ByteCount <= RegionBytes ? offset : Staged;
    }

    /// <summary>The address, in this process, of something in a rank's region.</summary>
    public nint AddressOf(int ofPlace, long offset) => memory.Address + (nint)(RegionOf(ofPlace) + offset);

    /// <summary>
    /// The address of a rank's staging block: one per partial, then one for the result. Their pages come as they are first touched, because a
    /// trainer that allocates from the group never needs them.
    /// </summary>
    public nint StagingBlock(int ofPlace, int block) => AddressOf(ofPlace, (long)block * RoundBytes);

    /// <summary>Meetings a rank has come to.</summary>
    public ref long MeetingsOf(int ofPlace) => ref memory.Int64(SlotOf(ofPlace));

    /// <summary>Goes up whenever a rank gets on with its call.</summary>
    public ref long ProgressOf(int ofPlace) => ref memory.Int64(SlotOf(ofPlace) + SlotProgressOffset);

    /// <summary>Chunks of a rank's part of the present round that have been claimed, and refused because there are no more.</summary>
    public ref long ClaimsOf(int ofPlace) => ref memory.Int64(SlotOf(ofPlace) + SlotClaimsOffset);

    /// <summary>Publishes this rank's next call.</summary>
    public void Publish(CollectiveHeader header) => header.WriteTo(memory.Bytes(CallOf(place, header.Sequence), CollectiveHeader.ByteCount));

    /// <summary>Publishes where range <paramref name="index"/> of this rank's call <paramref name="sequence"/> lies: its partials, then its result.</summary>
    public void PublishOffset(ulong sequence, int index, long offset) => memory.Int64(RangeOf(place, sequence, index)) = offset;

    /// <summary>The call a rank has published with the parity of <paramref name="sequence"/>.</summary>
    public CollectiveHeader Published(int ofPlace, ulong sequence)
        => CollectiveHeader.Read(memory.Bytes(CallOf(ofPlace, sequence), CollectiveHeader.ByteCount));

    /// <summary>Where a range of a rank's published call lies in its region, or <see cref="Staged"/>.</summary>
    public long PublishedOffset(int ofPlace, ulong sequence, int index) => memory.Int64(RangeOf(ofPlace, sequence, index));

    /// <summary>Sleeps while <see cref="Epoch"/> is <paramref name="seen"/>, at most for <paramref name="limit"/>.</summary>
    public void Sleep(int seen, TimeSpan limit)
    {
        Interlocked.Increment(ref Sleepers);
        memory.Sleep(EpochOffset, seen, limit);
        Interlocked.Decrement(ref Sleepers);
    }

    /// <summary>Wakes all who sleep on <see cref="Epoch"/>, which has changed.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref Sleepers) > 0)
            memory.Wake(EpochOffset);
    }

    /// <summary>Gives the group up for all ranks of the host and wakes them at once. May be called from any thread, also after disposal; the first caller counts.</summary>
    public void GiveUp(int fault)
    {
        var isHeld = false;
        try
        {
            memory.DangerousAddRef(ref isHeld);
            Interlocked.CompareExchange(ref Fault, fault, 0);
            Interlocked.Or(ref Epoch, 1);
            memory.Wake(EpochOffset);
        }
        catch (ObjectDisposedException)
        {
            // This rank has left: there is nobody of its group to wake here.
        }
        finally
        {
            if (isHeld)
                memory.DangerousRelease();
        }
    }

    /// <summary>Leaves the arena; buffers taken from it keep it mapped.</summary>
    public void Dispose() => memory.Dispose();

    // The control words have the place of a region of their own, so that all regions are aligned to huge pages.
    private static long LengthFor(int rankCount) => (rankCount + 1) * RegionBytes;

    private static long RegionOf(int ofPlace) => (ofPlace + 1) * RegionBytes;

    private static long StagingBytes(int blockCount) => (long)blockCount * RoundBytes;

    private static long Pages(long byteCount) => (byteCount + SharedMemory.PageBytes - 1) / SharedMemory.PageBytes * SharedMemory.PageBytes;

    private static long SlotOf(int ofPlace) => SlotsOffset + ofPlace * SlotBytes;

    private static long CallOf(int ofPlace, ulong sequence) => SlotOf(ofPlace) + SlotCallsOffset + (long)(sequence & 1) * SlotCallBytes;

    private static long RangeOf(int ofPlace, ulong sequence, int index) => CallOf(ofPlace, sequence) + SlotRangesOffset + index * sizeof(long);
}
