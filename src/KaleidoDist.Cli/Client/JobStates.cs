using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>What a job's state means to people and to the shell.</summary>
internal static class JobStates
{
    /// <summary>The state as one lower-case word.</summary>
    internal static string Word(JobState state) => state switch
    {
        JobState.Queued => "queued",
        JobState.Starting => "starting",
        JobState.Running => "running",
        JobState.Recovering => "recovering",
        JobState.Paused => "paused",
        JobState.Preempted => "preempted",
        JobState.Succeeded => "succeeded",
        JobState.Failed => "failed",
        JobState.Cancelled => "cancelled",
        _ => "unknown",
    };

    /// <summary>Whether nothing more happens to the job by itself: it is final, or waits for a person.</summary>
    internal static bool IsSettled(JobState state)
        => state is JobState.Succeeded or JobState.Failed or JobState.Cancelled or JobState.Preempted or JobState.Paused;

    /// <summary>The exit code of a command that watched the job until it settled.</summary>
    internal static ExitCode Outcome(JobState state) => state switch
    {
        JobState.Succeeded => ExitCode.Done,
        JobState.Preempted or JobState.Paused => ExitCode.Resumable,
        _ => ExitCode.Failed,
    };
}
