using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>The <c>--watch</c> of <c>submit</c> and <c>status</c>.</summary>
internal static class WatchVerb
{
    /// <summary>Shows a job until it settles; the exit code is its outcome's.</summary>
    internal static async Task<ExitCode> Watch(CommandContext context, CoordinatorConnection coordinator, string jobId, bool json, CancellationToken cancellation)
    {
        try
        {
            await using var view = TrainingViews.Create(context.Console, json, context.Time);
            var last = await new JobWatcher(coordinator, context.Time).Watch(jobId, view, cancellation);
            return JobStates.Outcome(last.State);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await context.Error.WriteLineAsync($"Stopped watching; job {jobId} goes on. Watch it again with 'kaleido status {jobId} --watch', stop it with 'kaleido stop {jobId}'.");
            throw;
        }
    }
}
