using System.Collections.Concurrent;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Training;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Worker;

/// <summary>Runs the rank processes of one agent: carries out the coordinator's orders and passes on what the ranks report.</summary>
internal sealed partial class RankSupervisor(WorkerOptions options, AgentOutbox outbox, TimeProvider time, ILogger logger) : IDisposable
{
    private const int RememberedExits = 256;
    private readonly RankSpawner spawner = new();
    private readonly ConcurrentDictionary<RankKey, RankProcess> ranks = new();
    private readonly ConcurrentQueue<RankExited> exits = new();
    private readonly ConcurrentDictionary<string, long> fences = new();
    private readonly ConcurrentDictionary<RankKey, bool> ended = new();

    /// <summary>Ranks that are alive now.</summary>
    internal IReadOnlyList<RunningRank> Running => [.. ranks.Values.Select(r => r.Snapshot())];

    /// <summary>The rank processes themselves.</summary>
    internal ICollection<RankProcess> Processes => ranks.Values;

    /// <summary>Whether any rank is alive.</summary>
    internal bool IsBusy => !ranks.IsEmpty;

    /// <summary>How the ranks that are gone ended, newest last; said again on every connection. Receivers ignore repeats.</summary>
    internal IReadOnlyList<RankExited> Exits => [.. exits];

    /// <summary>What ranks said that waits for an answer: that they are ready or caught up, checkpoints they propose. Said again on every connection.</summary>
    internal IReadOnlyList<WorkerMessage> Unanswered => [.. ranks.Values.SelectMany(r => new[] { r.UnformedReady, r.UnformedCaughtUp, r.PendingProposal }).OfType<WorkerMessage>()];

    /// <summary>Starts the ranks of an order, unless their generation was fenced meanwhile.</summary>
    internal async Task StartAsync(StartRanks order)
    {
        foreach (var member in order.Members)
        {
            var key = new RankKey(order.JobId, member);
            if (ranks.ContainsKey(key) || IsFenced(key, order.Generation))
                continue;
            try
            {
                var process = await spawner.StartAsync(() => Spawn(key, order)).ConfigureAwait(false);
                ranks[key] = process;
                _ = SettleAsync(process);
                if (IsFenced(key, order.Generation))
                    process.Kill();
            }
            catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
            {
                LogSpawnFailed(key, error.Message);
                Settle(new RankExited { JobId = key.JobId, Generation = order.Generation, Rank = -1, Member = member, ExitCode = -1, Error = $"The rank process did not start: {error.Message}" });
            }
        }
    }

    /// <summary>Passes a generation on to all ranks of its job: those that are not members of it leave.</summary>
    internal void Form(FormGeneration order)
    {
        foreach (var process in RanksOf(order.JobId))
            process.Form(order);
    }

    /// <summary>Passes a donation on to the rank that shall give, if it is here.</summary>
    internal void Donate(DonateState order)
    {
        if (ranks.TryGetValue(new RankKey(order.JobId, order.Member), out var process))
            process.Send(new RankCommand { Donate = order });
    }

    /// <summary>Stops the named ranks of a job, or all that were started up to a generation.</summary>
    internal void Stop(StopRanks order)
    {
        var chosen = RanksOf(order.JobId).Where(p => order.Members.Count > 0 ? order.Members.Contains(p.Key.Member) : p.BornIn <= order.Generation).ToList();
        if (order.Mode == StopRanksMode.Checkpoint)
        {
            foreach (var process in chosen)
                process.Send(new RankCommand { Stop = new RankStop { Reason = "requested" } });
            return;
        }

        // An order to start may still be on its way.
        if (order.Members.Count == 0)
            fences.AddOrUpdate(order.JobId, order.Generation, (_, known) => Math.Max(known, order.Generation));
        foreach (var member in order.Members)
            ended[new RankKey(order.JobId, member)] = true;
        foreach (var process in chosen)
            process.Kill();
    }

    /// <summary>Passes the answer to a checkpoint proposal on to the rank that made it.</summary>
    internal void Decide(CheckpointVerdict verdict)
    {
        if (ranks.TryGetValue(new RankKey(verdict.JobId, verdict.Member), out var process))
            process.Send(new RankCommand { CheckpointDecision = verdict.Decision });
    }

    /// <summary>Asks every rank to finish its step and checkpoint, waits for them up to the grace, then ends those left.</summary>
    internal async Task StopAllAsync(TimeSpan grace)
    {
        var alive = ranks.Values.ToList();
        foreach (var process in alive)
            process.Send(new RankCommand { Stop = new RankStop { Reason = "the worker was told to end" } });
        var allExited = Task.WhenAll(alive.Select(p => p.Exited));
        await Task.WhenAny(allExited, Task.Delay(grace, time)).ConfigureAwait(false);
        KillAll();
        await allExited.ConfigureAwait(false);
    }

    /// <summary>Ends every rank at once.</summary>
    internal void KillAll()
    {
        foreach (var process in ranks.Values)
            process.Kill();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        KillAll();
        spawner.Dispose();
    }

    private RankProcess Spawn(RankKey key, StartRanks order)
    {
        var spec = Contracts.JobSpec.FromJson(order.SpecJson);
        var start = new RankStart
        {
            JobId = order.JobId, Member = key.Member, Joining = order.Joining, DonationKey = order.DonationKey, SpecJson = order.SpecJson,
            Train = order.Train, Validation = order.Validation, ResumeSeq = order.ResumeSeq,
            StopAfterStep = order.StopAfterStep, BindAddress = options.DataAddress,
        };
        return RankProcess.Start(key, order.Generation, options, RankEnvironment.For(spec), start, (_, message) => outbox.Post(message), time, logger);
    }

    private async Task SettleAsync(RankProcess process)
    {
        var exit = await process.Exited.ConfigureAwait(false);
        ranks.TryRemove(process.Key, out _);
        Settle(exit);
    }

    private void Settle(RankExited exit)
    {
        exits.Enqueue(exit);
        while (exits.Count > RememberedExits)
            exits.TryDequeue(out _);
        outbox.Post(new WorkerMessage { RankExited = exit });
    }

    private IEnumerable<RankProcess> RanksOf(string jobId) => ranks.Values.Where(p => p.Key.JobId == jobId);

    private bool IsFenced(RankKey key, long generation) => ended.ContainsKey(key) || (fences.TryGetValue(key.JobId, out var fence) && generation <= fence);

    [LoggerMessage(LogLevel.Error, "Rank {Key} did not start: {Error}. Its job tries again in a new generation.")]
    private partial void LogSpawnFailed(RankKey key, string error);
}
