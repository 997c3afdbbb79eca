using System.Globalization;

namespace KaleidoDist.Coordinator;

/// <summary>Where one step's time went on one rank, in seconds for each virtual rank it hosts: ranks that host more are not slower.</summary>
/// <param name="Data">Waiting for samples.</param>
/// <param name="Compute">Forward, backward, optimizer.</param>
internal readonly record struct OwnTime(double Data, double Compute)
{
    /// <summary>What the rank itself took; without the reduction, in which it waits for the others.</summary>
    public double Total => Data + Compute;
}

/// <summary>A rank that is persistently slower than its peers.</summary>
/// <param name="Member">The rank.</param>
/// <param name="Factor">Its median own time, as a multiple of its peers'.</param>
/// <param name="Cause">data or compute: where most of the excess is.</param>
internal sealed record Straggler(long Member, double Factor, string Cause)
{
    /// <summary>As words that follow the rank's name.</summary>
    public override string ToString()
        => $"is {Factor.ToString("0.0", CultureInfo.InvariantCulture)}x slower than the median of the ranks ({Cause})";
}

/// <summary>
/// Finds ranks whose own time is persistently above the others': over a window of steps the median is more than 1.5 times the median of
/// the ranks, and so are two thirds of the steps. An episode ends below 1.3 times. Pure but for what it has seen; not thread-safe.
/// </summary>
internal sealed class StragglerDetector
{
    /// <summary>Steps that are looked at.</summary>
    public const int Window = 30;

    private const double SlowFactor = 1.5, WellFactor = 1.3;
    private const int MinSlowSteps = Window * 2 / 3;

    private readonly Dictionary<long, Queue<OwnTime>> times = [];
    private readonly Dictionary<long, double> medians = [];
    private readonly Dictionary<long, Straggler> slow = [];

    /// <summary>Those that are slow now.</summary>
    public IReadOnlyDictionary<long, Straggler> Slow => slow;

    /// <summary>Forgets everything: another generation deals virtual ranks anew.</summary>
    public void Clear()
    {
        times.Clear();
        medians.Clear();
        slow.Clear();
    }

    /// <summary>A step of a rank.</summary>
    /// <param name="member">The rank.</param>
    /// <param name="own">Its own time.</param>
    /// <param name="worldSize">Ranks of the generation; nothing is said before all have filled the window.</param>
    /// <returns>The rank, when it has just become slow.</returns>
    public Straggler? Add(long member, OwnTime own, int worldSize)
    {
        if (!times.TryGetValue(member, out var window))
            times[member] = window = new Queue<OwnTime>();
        window.Enqueue(own);
        if (window.Count > Window)
            window.Dequeue();
        if (window.Count == Window)
            medians[member] = Median(window.Select(o => o.Total));
        if (medians.Count < Math.Max(2, worldSize))
            return null;
        var usual = Median(medians.Values);
        var factor = usual > 0 ? medians[member] / usual : 1;
        if (factor < WellFactor)
            slow.Remove(member);
        if (factor <= SlowFactor || window.Count(o => o.Total > SlowFactor * usual) < MinSlowSteps)
            return null;
        var isNew = !slow.ContainsKey(member);
        slow[member] = new Straggler(member, factor, Cause(window));
        return isNew ? slow[member] : null;
    }

    private string Cause(Queue<OwnTime> window)
    {
        var data = Median(window.Select(o => o.Data)) - Median(times.Values.Select(t => Median(t.Select(o => o.Data))));
        var compute = Median(window.Select(o => o.Compute)) - Median(times.Values.Select(t => Median(t.Select(o => o.Compute))));
        return data > compute ? "data" : "compute";
    }

    /// <summary>The lower one of an even count: of two ranks the faster one is the measure.</summary>
    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[(sorted.Length - 1) / 2];
    }
}
