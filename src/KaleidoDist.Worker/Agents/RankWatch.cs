using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker;

/// <summary>
/// Looks whether the ranks of an agent give signs of life, four times a second. Counts its own looks, not the time that went by: an agent
/// that was held up itself (a suspended machine, a debugger) does not blame its ranks for it.
/// </summary>
internal sealed class RankWatch(RankSupervisor supervisor, AgentOutbox outbox, TimeProvider time)
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    /// <summary>Missed beats after which a process that is stopped is reported: 1 s.</summary>
    internal const int StoppedAfter = 4;

    /// <summary>
    /// Looks in a row at which a process is found stopped before it counts as such, 750 ms apart: one that was late already when something
    /// held it for an instant (a profiler, a snapshot) is none.
    /// </summary>
    private const int StoppedLooks = 4;

    /// <summary>Missed beats after which a process that is not stopped is reported: 2.5 s. A busy machine may hold one up that long.</summary>
    internal const int SilentAfter = 10;

    /// <summary>Beats between two reports of the same silence.</summary>
    private const int RepeatEvery = 4;

    /// <summary>Looks until cancelled.</summary>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
            {
                foreach (var process in supervisor.Processes)
                    Look(process);
            }
        }
        catch (OperationCanceledException)
        {
            // The agent ends.
        }
    }

    private void Look(RankProcess process)
    {
        var missed = process.CountMissedBeat();
        var stoppedLooks = process.CountStopped(missed > 0 && ProcessState.IsStopped(process.ProcessId));
        var stopped = stoppedLooks >= StoppedLooks;
        if (missed < (stopped ? StoppedAfter : SilentAfter))
            return;
        // At the first look that says so, and now and then while it lasts.
        if (missed % RepeatEvery != 0 && stoppedLooks != StoppedLooks)
            return;
        var known = process.Snapshot();
        outbox.Post(new WorkerMessage
        {
            RankSilent = new RankSilent
            {
                JobId = known.JobId, Generation = known.Generation, Rank = known.Rank, Member = known.Member, Phase = known.Phase, Step = known.Step,
                SilentSeconds = missed * Period.TotalSeconds, Stopped = stopped,
            },
        });
    }
}
