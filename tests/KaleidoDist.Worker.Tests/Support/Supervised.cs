using KaleidoDist.Protocol.V1;
using KaleidoDist.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace KaleidoDist.Worker.Tests;

/// <summary>A supervisor whose ranks are <see cref="FakeRank"/>s, and what it has to say to a coordinator.</summary>
internal sealed class Supervised : IDisposable
{
    public const string JobId = "job-1";

    private readonly TemporaryFolder folder = new();
    private readonly AgentOutbox outbox = new();

    public Supervised(RankProgram program, TimeSpan? exitGrace = null)
        => Supervisor = new RankSupervisor(
            new WorkerOptions { Coordinators = [new Uri("http://127.0.0.1:1")], RankProgram = program, ExitGrace = exitGrace ?? Eventually.Limit },
            outbox, TimeProvider.System, NullLogger.Instance);

    public RankSupervisor Supervisor { get; }

    /// <summary>Watches for ranks that give no sign of life.</summary>
    public Task WatchAsync(CancellationToken cancellation) => new RankWatch(Supervisor, outbox, TimeProvider.System).RunAsync(cancellation);

    /// <summary>Orders members of a job.</summary>
    public Task StartAsync(long generation, params long[] members) => Supervisor.StartAsync(Order(generation, members));

    /// <summary>Orders members that take the state of a peer.</summary>
    public Task JoinAsync(long generation, params long[] members) => Supervisor.StartAsync(new StartRanks(Order(generation, members)) { Joining = true });

    private StartRanks Order(long generation, long[] members)
        => new() { JobId = JobId, Generation = generation, Members = { members }, SpecJson = MicroJob.Spec(folder["run"]).ToJson() };

    /// <summary>The next message of a kind; others before it are skipped.</summary>
    public async Task<T> NextAsync<T>(Func<WorkerMessage, T?> pick)
        where T : class
    {
        using var late = new CancellationTokenSource(Eventually.Limit);
        var seen = new List<string>();
        try
        {
            await foreach (var message in outbox.ReadAllAsync(late.Token))
            {
                if (pick(message) is { } found)
                    return found;
                seen.Add(message.KindCase.ToString());
            }
        }
        catch (OperationCanceledException)
        {
            // Reported below.
        }

        throw new TimeoutException($"Waited {Eventually.Limit.TotalSeconds:0} s for a {typeof(T).Name}; the supervisor said: {string.Join(", ", seen)}.");
    }

    public Task<RankReady> ReadyAsync() => NextAsync(message => message.RankReady);

    public Task<RankExited> ExitedAsync() => NextAsync(message => message.RankExited);

    public void Dispose()
    {
        Supervisor.Dispose();
        folder.Dispose();
    }
}
