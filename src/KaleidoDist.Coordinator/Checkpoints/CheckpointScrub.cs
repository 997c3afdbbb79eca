using KaleidoDist.Contracts;
using Microsoft.Extensions.Hosting;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Reads kept checkpoints of unfinished jobs back, one at a time, each once a day: damage is found while an older one is still there, not when
/// a job needs it.
/// </summary>
internal sealed partial class CheckpointScrub(
    IGrainFactory grains, JobBoard board, ICheckpointLedger ledger, CoordinatorOptions options, TimeProvider time, ILogger<CheckpointScrub> logger) : BackgroundService
{
    private readonly Episodes unread = new();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.ScrubLook, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                foreach (var id in board.Unfinished)
                    await LookAsync(id);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The coordinator stops.
        }
    }

    private async Task LookAsync(string id)
    {
        if (!board.TryGet(id, out var live) || live.CheckDue(options.ScrubPeriod) is not { } entry)
            return;
        try
        {
            var job = live.State;
            var flaw = await Task.Run(() => ledger.Check(job, entry.Seq));
            if (unread.End(id))
                ReadAgain(id);
            if (flaw is not null && ledger.Removed(job) is { IsEmpty: false } removed)
            {
                await grains.GetGrain<IJobGrain>(id).Apply(new JobCommand.CheckpointsRemoved(removed));
                if (removed.Contains(entry.Seq))
                    return;
            }

            await grains.GetGrain<IJobGrain>(id).Apply(new JobCommand.CheckpointChecked(entry.Seq, flaw));
        }
        catch (KaleidoException error) when (error.Message.StartsWith(StateNotWritten.Code, StringComparison.Ordinal))
        {
            // The job says so itself. What cannot be stored was not checked: it is read again.
        }
        catch (Exception error)
        {
            if (unread.Begin(id))
                NotRead(id, entry.Seq, error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Checkpoint {Seq} of job {JobId} cannot be read back; it is tried again until it can. Look at the storage")]
    private partial void NotRead(string jobId, long seq, Exception error);

    [LoggerMessage(LogLevel.Information, "Checkpoints of job {JobId} are read back again")]
    private partial void ReadAgain(string jobId);
}
