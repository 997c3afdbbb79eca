using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What a slot is used for.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotUse")]
internal sealed record SlotUse([property: Id(0)] string JobId, [property: Id(1)] long Generation, [property: Id(2)] int Rank);

/// <summary>A job's wish for slots.</summary>
/// <param name="JobId">The job; a newer ask of the same job replaces the older one, in its place of the queue.</param>
/// <param name="Generation">For this generation.</param>
/// <param name="Need">Not fewer.</param>
/// <param name="Max">Not more.</param>
internal sealed record SlotAsk(string JobId, long Generation, int Need, int Max);

/// <summary>Slots dealt to an ask.</summary>
internal sealed record SlotGrant(string JobId, long Generation, ImmutableArray<SlotSeat> Seats);

/// <summary>How many slots a worker has and uses.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotCount")]
internal sealed record SlotCount([property: Id(0)] string WorkerId, [property: Id(1)] int Slots, [property: Id(2)] int InUse);

/// <summary>
/// Who holds which slot. The truth about a use is the worker's process: it begins with a grant and ends when the worker reports the
/// exit, registers without it, or is lost. Asks are met in the order they came. No I/O; not thread-safe.
/// </summary>
internal sealed class SlotLedger
{
    private readonly SortedDictionary<string, Holder> workers = new(StringComparer.Ordinal);
    private readonly List<SlotAsk> asks = [];

    /// <summary>Slots that can be dealt now.</summary>
    public int Free => workers.Values.Sum(w => w.Free);

    /// <summary>A worker (re)appeared with this many slots and exactly these uses.</summary>
    public void Enroll(string workerId, string host, int slots, IEnumerable<SlotUse> running)
        => workers[workerId] = new Holder(host, slots, [.. running]) { Offers = true };

    /// <summary>Uses known from before a restart, until the worker itself reports.</summary>
    public void Adopt(string workerId, string host, IEnumerable<SlotUse> uses)
    {
        if (!workers.TryGetValue(workerId, out var holder))
            workers[workerId] = holder = new Holder(host, 0, []);
        if (!holder.Offers)
            holder.Uses.UnionWith(uses);
    }

    /// <summary>Deals no more slots of a worker whose stream is broken.</summary>
    public void Suspend(string workerId)
    {
        if (workers.TryGetValue(workerId, out var holder))
            holder.Offers = false;
    }

    /// <summary>A worker is lost, its uses with it.</summary>
    public void Remove(string workerId) => workers.Remove(workerId);

    /// <summary>The process in a slot is gone.</summary>
    public void Vacate(string workerId, SlotUse use)
    {
        if (workers.TryGetValue(workerId, out var holder))
            holder.Uses.Remove(use);
    }

    /// <summary>Forgets the ask of a generation and takes back what it was dealt.</summary>
    public void Release(string jobId, long generation)
    {
        asks.RemoveAll(a => a.JobId == jobId && a.Generation == generation);
        foreach (var holder in workers.Values)
            holder.Uses.RemoveWhere(u => u.JobId == jobId && u.Generation == generation);
    }

    /// <summary>Jobs with a use on a worker, in ordinal order.</summary>
    public ImmutableArray<string> JobsOn(string workerId)
        => workers.TryGetValue(workerId, out var holder) ? [.. holder.Uses.Select(u => u.JobId).Distinct().Order(StringComparer.Ordinal)] : [];

    /// <summary>All workers and their slots, by id.</summary>
    public ImmutableArray<SlotCount> Counts() => [.. workers.Select(w => new SlotCount(w.Key, w.Value.Slots, w.Value.Uses.Count))];

    /// <summary>Queues an ask. One that was met already is answered with the same grant.</summary>
    public SlotGrant? Ask(SlotAsk ask)
    {
        var dealt = workers
            .SelectMany(w => w.Value.Uses.Where(u => u.JobId == ask.JobId && u.Generation == ask.Generation).Select(u => new SlotSeat(u.Rank, w.Key, w.Value.Host)))
            .OrderBy(s => s.Rank)
            .ToImmutableArray();
        if (!dealt.IsEmpty)
            return new SlotGrant(ask.JobId, ask.Generation, dealt);
        var place = asks.FindIndex(a => a.JobId == ask.JobId);
        if (place < 0)
            asks.Add(ask);
        else
            asks[place] = ask;
        return null;
    }

    /// <summary>Deals free slots to the asks that can be met, first come first served; a later small ask may pass an earlier large one.</summary>
    public ImmutableArray<SlotGrant> Deal()
    {
        var grants = ImmutableArray.CreateBuilder<SlotGrant>();
        foreach (var ask in asks.ToArray())
        {
            if (Free < ask.Need)
                continue;
            grants.Add(Deal(ask));
            asks.Remove(ask);
        }

        return grants.ToImmutable();
    }

    /// <summary>Fills the emptiest workers first, so that a job spans few of them; ranks of a worker are consecutive.</summary>
    private SlotGrant Deal(SlotAsk ask)
    {
        var seats = ImmutableArray.CreateBuilder<SlotSeat>();
        foreach (var (workerId, holder) in workers.Where(w => w.Value.Free > 0).OrderByDescending(w => w.Value.Free).ThenBy(w => w.Key, StringComparer.Ordinal).ToArray())
        {
            while (holder.Free > 0 && seats.Count < ask.Max)
            {
                holder.Uses.Add(new SlotUse(ask.JobId, ask.Generation, seats.Count));
                seats.Add(new SlotSeat(seats.Count, workerId, holder.Host));
            }
        }

        return new SlotGrant(ask.JobId, ask.Generation, seats.ToImmutable());
    }

    private sealed class Holder(string host, int slots, HashSet<SlotUse> uses)
    {
        public string Host { get; } = host;

        public int Slots { get; } = slots;

        public HashSet<SlotUse> Uses { get; } = uses;

        public bool Offers { get; set; }

        public int Free => Offers ? Math.Max(0, Slots - Uses.Count) : 0;
    }
}
