using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// Whether a training has stopped getting better. A pure function of the specification and of what the replica remembers, which is equal on all ranks: so all decide
/// alike, also after a resume, and a resume with more patience goes on.
/// </summary>
internal static class EarlyStop
{
    /// <summary>Why the training ends after the present step, as a clause; null when it goes on.</summary>
    internal static string? Reason(JobSpec spec, ReplicaHistory history)
    {
        var track = history.Evaluations;
        if (spec.Evaluation.EarlyStop is not { } stop || track.Stale < stop.Patience)
            return null;
        var evaluations = track.Stale == 1 ? "one evaluation" : $"{track.Stale} evaluations";
        return string.Create(CultureInfo.InvariantCulture, $"{stop.Metric} has not been better than {track.Best:0.####} of step {track.BestAt} for {evaluations}");
    }
}
