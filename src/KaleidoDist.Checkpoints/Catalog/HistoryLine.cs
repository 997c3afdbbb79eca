using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Which checkpoints are part of a run's history, and which were left aside when it went on from an older one. Pure.</summary>
internal static class HistoryLine
{
    /// <summary>
    /// Numbers that a later checkpoint superseded. What a superseded one superseded itself counts no more: a run may go back to a branch it had left.
    /// </summary>
    internal static IReadOnlySet<long> Superseded(IEnumerable<CheckpointManifest> manifests)
    {
        var superseded = new HashSet<long>();
        foreach (var manifest in manifests.OrderByDescending(m => m.Seq).Where(m => !superseded.Contains(m.Seq)))
            superseded.UnionWith(manifest.Supersedes);
        return superseded;
    }
}
