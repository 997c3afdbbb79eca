using Microsoft.Extensions.Hosting;

namespace KaleidoDist.Coordinator;

/// <summary>Wakes the jobs of the state folder before the first worker can connect, so that a returning worker finds its job waiting.</summary>
internal sealed partial class JobReviver(IGrainFactory grains, JobBoard board, ILogger<JobReviver> logger) : IHostedService
{
    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var id in await grains.GetGrain<IJobIndexGrain>(IJobIndexGrain.TheOne).Ids())
            await grains.GetGrain<IJobGrain>(id).Wake();
        if (board.Unfinished is { Count: > 0 } unfinished)
            Revived(unfinished.Count, string.Join(", ", unfinished));
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(LogLevel.Information, "{Count} unfinished jobs are taken up again: {Jobs}")]
    private partial void Revived(int count, string jobs);
}
