namespace KaleidoDist.Coordinator;

/// <summary>
/// Finds the ranks that keep their peers waiting: they give signs of life, but no phase and step changes any more, and all the others wait
/// for them in a reduction. Pure but for what it has seen; not thread-safe.
/// </summary>
/// <param name="limit">How long such a rank is waited for; null for a multiple of its usual step.</param>
internal sealed class ProgressWatch(TimeSpan? limit)
{
    private const double NameAfterSteps = 5, GiveUpAfterSteps = 20;
    private const int UsualWindow = 10;

    /// <summary>Two missing beats: what is older is no evidence.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(750);
    private static readonly TimeSpan ShortestName = TimeSpan.FromSeconds(2.5), ShortestLimit = TimeSpan.FromSeconds(60);

    /// <summary>Before the first step nothing is usual, and storage or an evaluation may be slow without a fault.</summary>
    private static readonly TimeSpan PatientName = TimeSpan.FromSeconds(30);

    private readonly Dictionary<long, Seen> ranks = [];

    /// <summary>A sign of life.</summary>
    public void Saw(long member, RankPlace at, DateTimeOffset now)
    {
        var seen = Of(member);
        if (seen.At != at)
            (seen.At, seen.Since, seen.IsNamed, seen.IsOver) = (at, now, false, false);
        seen.SeenAt = now;
    }

    /// <summary>How long a step took.</summary>
    public void Stepped(long member, double seconds)
    {
        var steps = Of(member).Steps;
        steps.Enqueue(seconds);
        if (steps.Count > UsualWindow)
            steps.Dequeue();
    }

    /// <summary>Ranks that are to be named or given up now, each once.</summary>
    /// <param name="members">Members of the generation that trains, with their workers.</param>
    /// <param name="now">The time.</param>
    public IReadOnlyList<JobCommand.RankStuck> Look(IReadOnlyList<(long Member, string WorkerId)> members, DateTimeOffset now)
    {
        foreach (var gone in ranks.Keys.Except(members.Select(m => m.Member)).ToArray())
            ranks.Remove(gone);
        // Somebody waits, and everybody was seen just now.
        var busy = members.Where(m => !IsWaiting(Of(m.Member).At.Phase)).ToArray();
        if (busy.Length == members.Count || members.Any(m => now - Of(m.Member).SeenAt > Fresh))
            return [];
        // As long as any of them gets on, the others may wait for that one.
        var stay = now - members.Max(m => Of(m.Member).Since);
        return [.. busy.Select(m => Judge(m.Member, m.WorkerId, stay)).OfType<JobCommand.RankStuck>()];
    }

    private JobCommand.RankStuck? Judge(long member, string workerId, TimeSpan stay)
    {
        var seen = Of(member);
        var isOver = !seen.IsOver && stay > (limit ?? Longest(ShortestLimit, Usual(seen) * GiveUpAfterSteps));
        if (!isOver && (seen.IsNamed || stay <= NameAfter(seen)))
            return null;
        (seen.IsNamed, seen.IsOver) = (true, seen.IsOver || isOver);
        return new JobCommand.RankStuck(member, workerId, seen.At, stay, isOver);
    }

    private static TimeSpan NameAfter(Seen seen)
        => seen.At.Phase is "checkpoint" or "evaluation" || seen.Steps.Count == 0 ? PatientName : Longest(ShortestName, Usual(seen) * NameAfterSteps);

    private static bool IsWaiting(string phase) => phase is "reduce" or "waiting";

    private static TimeSpan Usual(Seen seen) => seen.Steps.Count == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(seen.Steps.Order().ElementAt(seen.Steps.Count / 2));

    private static TimeSpan Longest(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private Seen Of(long member)
    {
        if (!ranks.TryGetValue(member, out var seen))
            ranks[member] = seen = new Seen();
        return seen;
    }

    private sealed class Seen
    {
        public RankPlace At { get; set; } = RankPlace.Unknown;

        public DateTimeOffset Since { get; set; }

        public DateTimeOffset SeenAt { get; set; }

        public bool IsNamed { get; set; }

        public bool IsOver { get; set; }

        public Queue<double> Steps { get; } = new();
    }
}
