using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>What this rank sends in each step: how a slow link is told from a slow peer. Used by the rank thread alone.</summary>
/// <param name="collective">The generation's group.</param>
internal sealed class TrafficMeter(ICollective collective)
{
    private LineTraffic[] before = new LineTraffic[collective.WorldSize];
    private LineTraffic[] now = new LineTraffic[collective.WorldSize];

    /// <summary>By rank, what was sent since it was last asked; empty when nothing was.</summary>
    internal IReadOnlyList<LineTraffic> Lap()
    {
        collective.ReadTraffic(now);
        var lap = new LineTraffic[now.Length];
        for (var rank = 0; rank < lap.Length; rank++)
            lap[rank] = now[rank].Since(before[rank]);
        (before, now) = (now, before);
        return lap.AsSpan().ContainsAnyExcept(default(LineTraffic)) ? lap : [];
    }
}
