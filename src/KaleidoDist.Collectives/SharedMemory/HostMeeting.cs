namespace KaleidoDist.Collectives;

/// <summary>
/// Where the ranks of one host wait for one another: a barrier on a word in their arena. A rank that waits sleeps in the kernel, at most
/// <see cref="LookPeriod"/> at a time; in between it looks whether the others still live (their TCP connections say so) and move on. Used
/// by the communication thread alone.
/// </summary>
internal sealed class HostMeeting
{
    /// <summary>A waiting rank looks after the others this often: a killed one is noticed that fast, without any word from it.</summary>
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(10);

    /// <summary>How much longer than its limit somebody waits who waits for a rank that may itself be waiting for the culprit.</summary>
    public const double PatienceFactor = 1.25;

    /// <summary>Looks at the word before sleeping, where every rank has a core of its own: about ten microseconds.</summary>
    private const int SpinCount = 200;

    private readonly HostArena arena;
    private readonly IReadOnlyList<int> ranks;
    private readonly int place;
    private readonly long generation;
    private readonly CollectiveOptions options;
    private readonly AbortSignal abort;
    private readonly Func<int?> findClosedPeer;
    private readonly int spinCount;

    private long meetings; // That this rank has come to.
    private CollectiveHeader call;

    /// <summary>The meeting place of <paramref name="ranks"/>.</summary>
    /// <param name="arena">Their arena.</param>
    /// <param name="ranks">The ranks of the host, by place.</param>
    /// <param name="place">This rank's place.</param>
    /// <param name="generation">The generation of the group.</param>
    /// <param name="options">How long to wait.</param>
    /// <param name="abort">This rank's own abort.</param>
    /// <param name="findClosedPeer">The rank of this host, if any, whose connection is closed.</param>
    public HostMeeting(
        HostArena arena, IReadOnlyList<int> ranks, int place, long generation, CollectiveOptions options, AbortSignal abort, Func<int?> findClosedPeer)
    {
        this.arena = arena;
        this.ranks = ranks;
        this.place = place;
        this.generation = generation;
        this.options = options;
        this.abort = abort;
        this.findClosedPeer = findClosedPeer;
        spinCount = ranks.Count <= Environment.ProcessorCount ? SpinCount : 0;
    }

    /// <summary>True once a rank of the host has given the group up.</summary>
    public bool IsGivenUp => (Volatile.Read(ref arena.Epoch) & 1) != 0;

    private int Rank => ranks[place];

    /// <summary>Publishes this rank's call, which is complete in the arena, and returns when all ranks of the host have made the same.</summary>
    /// <exception cref="CollectiveException">One of them is lost, silent, gave up, or made another call.</exception>
    public void Begin(CollectiveHeader header)
    {
        call = header;
        arena.Publish(header);
        Come(options.ArrivalTimeout, "it to make the call");
        ThrowIfMismatch();
    }

    /// <summary>Returns when all ranks of the host have come this far in the call.</summary>
    /// <exception cref="CollectiveException">One of them is lost, silent, or gave up.</exception>
    public void Meet()
        // A rank that itself waits for another host runs out of patience first, and names the culprit.
        => Come(options.ProgressTimeout * PatienceFactor, "its part of the work");

    /// <summary>Tells the ranks of the host that this one gave up.</summary>
    public void GiveUp(Exception cause)
    {
        var culprit = cause switch
        {
            PeerLostException lost => lost.Peer,
            CollectiveTimeoutException timeout => timeout.Peer,
            _ => Rank,
        };
        arena.GiveUp(FaultCode(Rank, culprit));
    }

    /// <summary>The error for a group that a rank of the host gave up; it names the rank because of which it did.</summary>
    /// <exception cref="CollectiveException">It was this rank itself, or the ranks made different calls.</exception>
    public PeerLostException GivenUp()
    {
        ThrowIfAborted(); // Then it was this rank.
        ThrowIfMismatch();
        var (raiser, culprit) = Parties(Volatile.Read(ref arena.Fault));
        return new PeerLostException(culprit, generation, raiser == culprit ? "it gave the group up" : $"rank {raiser} found it lost or silent");
    }

    private void Come(TimeSpan patience, string awaited)
    {
        meetings++;
        Volatile.Write(ref arena.MeetingsOf(place), meetings);
        var over = unchecked((int)(2 * meetings));
        if (Interlocked.Increment(ref arena.Arrivals) == meetings * ranks.Count)
        {
            for (var other = 0; other < ranks.Count; other++)
                Volatile.Write(ref arena.ClaimsOf(other), 0); // Everybody is here, so nobody claims.
            Interlocked.Add(ref arena.Epoch, 2);
            arena.Wake();
            return;
        }

        for (var spin = 0; spin < spinCount; spin++)
        {
            if (IsOver(Volatile.Read(ref arena.Epoch), over))
                return;
            Thread.SpinWait(10);
        }

        Sleep(over, patience, awaited);
    }

    private void Sleep(int over, TimeSpan patience, string awaited)
    {
        var time = options.TimeProvider;
        var (lookedAt, movedAt) = (time.GetTimestamp(), time.GetTimestamp());
        var progress = long.MinValue;
        while (true)
        {
            var epoch = Volatile.Read(ref arena.Epoch);
            if (IsOver(epoch, over))
                return;
            ThrowIfAborted();
            if (IsGivenUp)
                throw GivenUp();
            if (time.GetElapsedTime(lookedAt) >= LookPeriod)
            {
                lookedAt = time.GetTimestamp();
                LookAround(over);
                var seen = Progress();
                if (seen != progress)
                    (progress, movedAt) = (seen, lookedAt);
                else if (time.GetElapsedTime(movedAt) >= patience)
                    throw new CollectiveTimeoutException(ranks[Missing()], generation, call.Describe(), awaited, patience);
            }

            arena.Sleep(epoch, LookPeriod);
        }
    }

    // The word goes up by two, so its difference has no sign to lose; the lowest bit says that somebody gave up afterwards.
    private static bool IsOver(int epoch, int over) => unchecked((epoch & ~1) - over) >= 0;

    private void LookAround(int over)
    {
        // A rank leaves after the last meeting is over. One that is gone before is lost.
        if (findClosedPeer() is not { } lost || IsOver(Volatile.Read(ref arena.Epoch), over))
            return;
        ThrowIfAborted();
        ThrowIfMismatch();
        throw IsGivenUp ? GivenUp() : new PeerLostException(lost, generation, "it closed the connection");
    }

    private long Progress()
    {
        long sum = 0;
        for (var other = 0; other < ranks.Count; other++)
            sum += Volatile.Read(ref arena.ProgressOf(other));
        return sum;
    }

    private int Missing()
    {
        for (var other = 0; other < ranks.Count; other++)
        {
            if (Volatile.Read(ref arena.MeetingsOf(other)) < meetings)
                return other;
        }

        return place;
    }

    private void ThrowIfAborted()
    {
        if (abort.Cause is { } cause)
            throw new CollectiveAbortedException(generation, cause);
    }

    private void ThrowIfMismatch()
    {
        for (var other = 0; other < ranks.Count; other++)
        {
            // A rank that is not here yet shows an older call.
            var theirs = arena.Published(other, call.Sequence);
            if (theirs.Sequence == call.Sequence && theirs != call)
                throw new CollectiveMismatchException(Rank, call.Describe(), ranks[other], theirs.Describe(), generation);
        }
    }

    // Never 0, which says that nobody gave up.
    private static int FaultCode(int raiser, int culprit) => (raiser + 1) | ((culprit + 1) << 15);

    private static (int Raiser, int Culprit) Parties(int fault) => ((fault & 0x7FFF) - 1, (fault >> 15) - 1);
}
