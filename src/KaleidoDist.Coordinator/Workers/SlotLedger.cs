using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What a slot is used for: a rank process, by its identity in its job.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotUse")]
internal sealed record SlotUse([property: Id(0)] string JobId, [property: Id(1)] long Member);

/// <summary>A job's wish for slots. A newer ask of the same job replaces the older one, in its place of the queue.</summary>
/// <param name="JobId">The job.</param>
/// <param name="FirstMember">Identity of the first process to start; the others follow it. Names the ask.</param>
/// <param name="Need">Not fewer.</param>
/// <param name="Max">Not more.</param>
/// <param name="Growth">The job trains without them.</param>
/// <param name="Avoid">Worker processes not to be dealt from.</param>
[GenerateSerializer, Immutable, Alias("kaleido.SlotAsk")]
internal sealed record SlotAsk(
    [property: Id(0)] string JobId, [property: Id(1)] long FirstMember, [property: Id(2)] int Need, [property: Id(3)] int Max,
    [property: Id(4)] bool Growth, [property: Id(5)] ImmutableArray<RefusedWorker> Avoid);

/// <summary>Slots dealt to an ask.</summary>
internal sealed record SlotGrant(string JobId, long FirstMember, ImmutableArray<SlotSeat> Seats);

/// <summary>How many slots a worker has and uses.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotCount")]
internal sealed record SlotCount([property: Id(0)] string WorkerId, [property: Id(1)] int Slots, [property: Id(2)] int InUse);

/// <summary>
/// Who holds which slot. The truth about a use is the worker's process: it begins with a grant and ends when the worker reports the
/// exit, registers without it, or is lost. Asks are met in the order they came; jobs that only want to grow come after those that wait
/// to train. No I/O; not thread-safe.
/// </summary>
internal sealed class SlotLedger
{
    private readonly SortedDictionary<string, Holder> workers = new(StringComparer.Ordinal);
    private readonly List<SlotAsk> asks = [];

    /// <summary>Slots that can be dealt now.</summary>
    public int Free => workers.Values.Sum(w => w.Free);

    /// <summary>A worker (re)appeared with this many slots and exactly these uses.</summary>
    public void Enroll(string workerId, string incarnation, string host, int slots, IEnumerable<SlotUse> running)
        => workers[workerId] = new Holder(incarnation, host, slots, [.. running]) { Offers = true };

    /// <summary>Uses known from before a restart, until the worker itself reports.</summary>
    public void Adopt(string workerId, string host, IEnumerable<SlotUse> uses)
    {
        if (!workers.TryGetValue(workerId, out var holder))
            workers[workerId] = holder = new Holder("", host, 0, []);
        if (!holder.Offers)
            holder.Uses.UnionWith(uses);
    }

    /// <summary>Deals no more slots of a worker: its stream is broken or silent, or it leaves.</summary>
    public void Suspend(string workerId)
    {
        if (workers.TryGetValue(workerId, out var holder))
            holder.Offers = false;
    }

    /// <summary>Deals a suspended worker's slots again.</summary>
    public void Resume(string workerId)
    {
        if (workers.TryGetValue(workerId, out var holder))
            holder.Offers = true;
    }

    /// <summary>A worker is lost, its uses with it.</summary>
    public void Remove(string workerId) => workers.Remove(workerId);

    /// <summary>The process in a slot is gone, or was never started.</summary>
    public void Vacate(string workerId, SlotUse use)
    {
        if (workers.TryGetValue(workerId, out var holder))
            holder.Uses.Remove(use);
    }

    /// <summary>Forgets an ask and takes back what it was dealt, of which nothing was started.</summary>
    public void Withdraw(string jobId, long firstMember)
    {
        asks.RemoveAll(a => a.JobId == jobId);
        foreach (var holder in workers.Values)
            holder.Uses.RemoveWhere(u => u.JobId == jobId && u.Member >= firstMember);
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
            .SelectMany(w => w.Value.Uses.Where(u => u.JobId == ask.JobId && u.Member >= ask.FirstMember).Select(u => new SlotSeat(u.Member, w.Key, w.Value.Host)))
            .OrderBy(s => s.Member)
            .ToImmutableArray();
        if (!dealt.IsEmpty)
            return new SlotGrant(ask.JobId, ask.FirstMember, dealt);
        var place = asks.FindIndex(a => a.JobId == ask.JobId);
        if (place < 0)
            asks.Add(ask);
        else
            asks[place] = ask;
        return null;
    }

    /// <summary>
    /// Deals free slots to the asks that can be met, first come first served; a later small ask may pass an earlier large one. A job that
    /// trains grows only by slots that no waiting job could use, now or together with others that are in use.
    /// </summary>
    public ImmutableArray<SlotGrant> Deal()
    {
        var grants = ImmutableArray.CreateBuilder<SlotGrant>();
        foreach (var ask in asks.OrderBy(a => a.Growth).ToArray())
        {
            var free = Offered(ask).Sum(w => w.Value.Free);
            if (free < ask.Need || (ask.Growth && asks.Any(a => !a.Growth && a.Need <= Offered(a).Sum(w => w.Value.Slots))))
                continue;
            grants.Add(Deal(ask));
            asks.Remove(ask);
        }

        return grants.ToImmutable();
    }

    /// <summary>Fills the emptiest workers first, so that a job spans few of them; processes of a worker are consecutive.</summary>
    private SlotGrant Deal(SlotAsk ask)
    {
        var seats = ImmutableArray.CreateBuilder<SlotSeat>();
        foreach (var (workerId, holder) in Offered(ask).Where(w => w.Value.Free > 0).OrderByDescending(w => w.Value.Free).ThenBy(w => w.Key, StringComparer.Ordinal).ToArray())
        {
            while (holder.Free > 0 && seats.Count < ask.Max)
            {
                var member = ask.FirstMember + seats.Count;
                holder.Uses.Add(new SlotUse(ask.JobId, member));
                seats.Add(new SlotSeat(member, workerId, holder.Host));
            }
        }

        return new SlotGrant(ask.JobId, ask.FirstMember, seats.ToImmutable());
    }

    private IEnumerable<KeyValuePair<string, Holder>> Offered(SlotAsk ask)
        => workers.Where(w => w.Value.Offers && !ask.Avoid.Any(a => a.WorkerId == w.Key && a.Incarnation == w.Value.Incarnation));

    private sealed class Holder(string incarnation, string host, int slots, HashSet<SlotUse> uses)
    {
        public string Incarnation { get; } = incarnation;

        public string Host { get; } = host;

        public int Slots { get; } = slots;

        public HashSet<SlotUse> Uses { get; } = uses;

        public bool Offers { get; set; }

        public int Free => Offers ? Math.Max(0, Slots - Uses.Count) : 0;
    }
}
