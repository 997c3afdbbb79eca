using System.Globalization;

namespace KaleidoDist.Coordinator;

/// <summary>What a rank sent to one peer in a step.</summary>
/// <param name="Bytes">Bytes that arrived.</param>
/// <param name="Seconds">How long any were under way; a peer that comes late adds nothing to it.</param>
internal readonly record struct Sending(double Bytes, double Seconds)
{
    /// <summary>Seconds a byte; 0 where nothing was sent.</summary>
    public double Pace => Bytes > 0 ? Seconds / Bytes : 0;
}

/// <summary>One step of one rank, as far as its network is concerned.</summary>
/// <param name="StepSeconds">The whole step.</param>
/// <param name="ReduceSeconds">The part of it that the reduction was waited for.</param>
/// <param name="Sent">By rank, what was sent to it; empty for nothing.</param>
internal readonly record struct ExchangeStep(double StepSeconds, double ReduceSeconds, IReadOnlyList<Sending> Sent);

/// <summary>A machine whose network keeps all ranks waiting.</summary>
/// <param name="Host">The machine.</param>
/// <param name="Seconds">How long what it sends, or is sent, is under way in a step.</param>
/// <param name="UsualSeconds">How long as many bytes take between the others.</param>
internal sealed record SlowLink(string Host, double Seconds, double UsualSeconds)
{
    /// <summary>As words that follow "rank 2 on w2 keeps the others waiting: ".</summary>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"the network there takes {Seconds:0.00} s a step for what takes {UsualSeconds:0.00} s between the others (reduce)");
}

/// <summary>
/// Finds the machine whose network keeps the others waiting inside the exchange, although its ranks compute and read as fast as theirs. Of each
/// pair of machines, the seconds a byte are known in both directions; a machine is as slow as its median way, the slower direction of both. It is
/// named when that is more than 1.5 times the median machine's and costs a good part of the step, and not when the exchange hides behind the
/// computing. Two machines share one way, which accuses neither: at least three are needed. Pure but for what it has seen; not thread-safe.
/// </summary>
internal sealed class SlowLinkDetector
{
    /// <summary>Steps that are looked at.</summary>
    public const int Window = StragglerDetector.Window;

    private const double SlowFactor = 1.5, WellFactor = 1.3;

    /// <summary>Shares of the step that an excess must cost to be told of, and to remain so.</summary>
    private const double SlowShare = 0.2, WellShare = 0.1;

    private readonly Dictionary<int, Queue<ExchangeStep>> steps = [];
    private readonly Dictionary<string, SlowLink> slow = new(StringComparer.Ordinal);

    /// <summary>Those that are slow now, by machine.</summary>
    public IReadOnlyDictionary<string, SlowLink> Slow => slow;

    /// <summary>Forgets everything: another generation has other ranks.</summary>
    public void Clear()
    {
        steps.Clear();
        slow.Clear();
    }

    /// <summary>A step of a rank.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="step">Its step.</param>
    /// <param name="hosts">By rank, its machine. Nothing is said before all ranks have filled the window.</param>
    /// <returns>Machines that have just become slow. Looked for once a step, with rank 0's.</returns>
    public IReadOnlyList<SlowLink> Add(int rank, ExchangeStep step, IReadOnlyList<string> hosts)
    {
        if (!steps.TryGetValue(rank, out var window))
            steps[rank] = window = new Queue<ExchangeStep>();
        window.Enqueue(step);
        if (window.Count > Window)
            window.Dequeue();
        return rank == 0 && Enumerable.Range(0, hosts.Count).All(r => steps.TryGetValue(r, out var seen) && seen.Count == Window) ? Look(hosts) : [];
    }

    private List<SlowLink> Look(IReadOnlyList<string> hosts)
    {
        string[] machines = [.. hosts.Distinct()];
        if (machines.Length < 3)
            return [];
        var ways = Ways(hosts, machines);
        var worst = machines.Select((_, m) => WorstOf(ways, m)).ToArray();
        var usual = Median(worst.Select(w => w.Pace));
        var stepSeconds = Median(steps.Values.Select(s => Median(s.Select(e => e.StepSeconds))));
        var waited = Median(steps.Values.Select(s => Median(s.Select(e => e.ReduceSeconds))));
        var found = new List<SlowLink>();
        foreach (var (machine, way) in machines.Zip(worst))
        {
            var link = new SlowLink(machine, way.Seconds, way.Bytes * usual);
            var cost = Math.Min(way.Seconds - link.UsualSeconds, waited);
            if (way.Pace < WellFactor * usual || cost < WellShare * stepSeconds)
                slow.Remove(machine);
            if (way.Pace <= SlowFactor * usual || cost < SlowShare * stepSeconds)
                continue;
            if (!slow.ContainsKey(machine))
                found.Add(link);
            slow[machine] = link;
        }

        return found;
    }

    /// <summary>For each pair of machines, the longest that a rank of the one usually has something under way to a rank of the other.</summary>
    private Sending[,] Ways(IReadOnlyList<string> hosts, string[] machines)
    {
        var ways = new Sending[machines.Length, machines.Length];
        for (var from = 0; from < hosts.Count; from++)
        {
            for (var to = 0; to < hosts.Count; to++)
            {
                var (source, target) = (Array.IndexOf(machines, hosts[from]), Array.IndexOf(machines, hosts[to]));
                var sendings = steps[from].Select(s => to < s.Sent.Count ? s.Sent[to] : default).ToArray();
                var usual = new Sending(Median(sendings.Select(s => s.Bytes)), Median(sendings.Select(s => s.Seconds)));
                if (source != target && usual.Seconds >= ways[source, target].Seconds)
                    ways[source, target] = usual;
            }
        }

        return ways;
    }

    /// <summary>A machine's median way out or in, whichever is slower: that of the machine itself, not of one it sends to.</summary>
    private static Sending WorstOf(Sending[,] ways, int machine)
    {
        var others = Enumerable.Range(0, ways.GetLength(0)).Where(m => m != machine).ToArray();
        var (toOthers, fromOthers) = (MedianWay(others.Select(o => ways[machine, o])), MedianWay(others.Select(o => ways[o, machine])));
        return toOthers.Pace >= fromOthers.Pace ? toOthers : fromOthers;
    }

    private static Sending MedianWay(IEnumerable<Sending> ways)
    {
        var sorted = ways.OrderBy(w => w.Pace).ToArray();
        return sorted[(sorted.Length - 1) / 2];
    }

    /// <summary>The lower one of an even count: of two the faster one is the measure.</summary>
    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[(sorted.Length - 1) / 2];
    }
}
