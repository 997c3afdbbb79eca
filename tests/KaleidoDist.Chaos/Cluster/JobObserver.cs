using Grpc.Core;
using Grpc.Net.Client;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Chaos;

/// <summary>Follows a job over the deaths of its coordinator, as a user's client would: the newest status, every event, every regroup.</summary>
internal sealed class JobObserver : IAsyncDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel channel;
    private readonly CancellationTokenSource stop = new();
    private readonly Task watching;
    private readonly Lock gate = new();
    private readonly HashSet<SeenEvent> events = [];
    private readonly SortedDictionary<long, Regroup> regroups = [];
    private JobStatus status = new();

    /// <summary>Begins to follow.</summary>
    /// <param name="coordinator">Its address.</param>
    /// <param name="jobId">The job.</param>
    internal JobObserver(Uri coordinator, string jobId)
    {
        channel = GrpcChannel.ForAddress(coordinator, new GrpcChannelOptions { MaxReconnectBackoff = TimeSpan.FromSeconds(1), InitialReconnectBackoff = Retry });
        watching = WatchAsync(new JobService.JobServiceClient(channel), jobId);
    }

    /// <summary>The newest status.</summary>
    internal JobStatus Status
    {
        get
        {
            lock (gate)
                return status;
        }
    }

    /// <summary>Whether the job has ended, one way or another.</summary>
    internal bool IsOver => Status.State is JobState.Succeeded or JobState.Failed or JobState.Cancelled or JobState.Preempted;

    /// <summary>All events so far, by time.</summary>
    internal IReadOnlyList<SeenEvent> Events
    {
        get
        {
            lock (gate)
                return [.. events.OrderBy(e => e.At)];
        }
    }

    /// <summary>All changes of membership that were seen, by generation.</summary>
    internal IReadOnlyList<Regroup> Regroups
    {
        get
        {
            lock (gate)
                return [.. regroups.Values];
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        channel.Dispose();
        stop.Dispose();
    }

    private async Task WatchAsync(JobService.JobServiceClient client, string jobId)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var call = client.WatchJob(new GetJobRequest { JobId = jobId }, cancellationToken: stop.Token);
                await foreach (var next in call.ResponseStream.ReadAllAsync(stop.Token))
                    Take(next);
                // The stream ends with the job: its last word is asked for once more.
                Take(await client.GetJobAsync(new GetJobRequest { JobId = jobId }, deadline: TimeProvider.System.GetUtcNow().UtcDateTime + AnswerTime));
                if (IsOver)
                    return;
            }
            catch (Exception error) when (error is RpcException or HttpRequestException or IOException && !stop.IsCancellationRequested)
            {
                // The coordinator is away: the next one is asked.
            }

            await Task.Delay(Retry, stop.Token);
        }
    }

    private void Take(JobStatus next)
    {
        lock (gate)
        {
            status = next;
            foreach (var known in next.Events)
                events.Add(new SeenEvent(known.At.ToDateTimeOffset(), known.Code, known.Text));
            if (next.LastRegroup is { } regroup)
                regroups[regroup.Generation] = regroup;
        }
    }
}
