using Microsoft.Extensions.Hosting;

namespace KaleidoDist.Coordinator;

/// <summary>The one timer of the process: looks at every lease and ticks every unfinished job. A grain that is busy is not asked again before it answered.</summary>
internal sealed partial class Pulse(IGrainFactory grains, WorkerRoll roll, JobBoard board, CoordinatorOptions options, TimeProvider time, ILogger<Pulse> logger) : BackgroundService
{
    private readonly Dictionary<string, Task> busy = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.PulsePeriod, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                foreach (var id in roll.Ids)
                    Begin($"worker/{id}", () => LookAsync(id));
                foreach (var id in board.Unfinished)
                    Begin($"job/{id}", () => TickAsync(id));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The coordinator stops.
        }
    }

    private void Begin(string key, Func<Task> look)
    {
        if (!busy.TryGetValue(key, out var running) || running.IsCompleted)
            busy[key] = ReportedAsync(key, look);
    }

    private async Task ReportedAsync(string key, Func<Task> look)
    {
        try
        {
            await look();
        }
        catch (Exception error)
        {
            NotLooked(key, error);
        }
    }

    private async Task TickAsync(string id)
    {
        if (!board.TryGet(id, out var live))
            return;
        var job = grains.GetGrain<IJobGrain>(id);
        foreach (var finding in live.Watch())
            await job.Apply(finding);
        await job.Apply(new JobCommand.Tick(live.Places()));
    }

    private async Task LookAsync(string id)
    {
        if (!await grains.GetGrain<IWorkerGrain>(id).Look())
            roll.Remove(id);
    }

    [LoggerMessage(LogLevel.Debug, "{Key} could not be looked at; it will be again")]
    private partial void NotLooked(string key, Exception error);
}
