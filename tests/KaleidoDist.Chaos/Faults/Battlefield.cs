using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>What faults strike: the cluster, who of it may be struck now, and what was done so far.</summary>
internal sealed class Battlefield
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan ReconnectTime = TimeSpan.FromSeconds(12);
    private readonly List<FaultRecord> faults = [];
    private readonly List<FaultRecord> withdrawn = [];
    private readonly List<Task> healing = [];
    private readonly Action<string> say;

    /// <summary>A battlefield on which nothing happened yet.</summary>
    internal Battlefield(ChaosCluster cluster, JobObserver observer, Random random, TimeProvider time, Action<string> say, CancellationToken stop)
        => (Cluster, Observer, Random, Time, this.say, Stop) = (cluster, observer, random, time, say, stop);

    /// <summary>The processes.</summary>
    internal ChaosCluster Cluster { get; }

    /// <summary>What the coordinator says of the job.</summary>
    internal JobObserver Observer { get; }

    /// <summary>All chance comes from here. Drawn by the nemesis's loop only, never while healing.</summary>
    internal Random Random { get; }

    /// <summary>The clock.</summary>
    internal TimeProvider Time { get; }

    /// <summary>Workers that are always left alone.</summary>
    internal required int MinimumWell { get; init; }

    /// <summary>Workers that a scheduler would keep running.</summary>
    internal required int Population { get; init; }

    /// <summary>Most workers at once.</summary>
    internal required int MostWorkers { get; init; }

    /// <summary>The run is given up.</summary>
    internal CancellationToken Stop { get; }

    /// <summary>What was done so far.</summary>
    internal IReadOnlyList<FaultRecord> Faults => faults;

    /// <summary>Faults that were taken back.</summary>
    internal IReadOnlyList<FaultRecord> Withdrawn => withdrawn;

    /// <summary>A time between two, in seconds.</summary>
    internal TimeSpan Between(double shortest, double longest) => TimeSpan.FromSeconds(shortest + (longest - shortest) * Random.NextDouble());

    /// <summary>A worker that may be struck, or null when too few are well.</summary>
    internal ClusterWorker? PickWorker()
    {
        var well = Cluster.Well;
        return well.Count > MinimumWell ? well[Random.Next(well.Count)] : null;
    }

    /// <summary>A host whose workers may all be struck at once and that has peers elsewhere, or null.</summary>
    internal LabHost? PickHost()
    {
        var well = Cluster.Well;
        List<LabHost> hosts = [.. Cluster.Hosts.Where(host => !host.IsDisturbed && well.Any(w => w.Host == host) && well.Count(w => w.Host != host) >= MinimumWell)];
        return hosts.Count > 0 ? hosts[Random.Next(hosts.Count)] : null;
    }

    /// <summary>Writes down a fault that is about to be injected.</summary>
    internal FaultRecord Record(FaultKind kind, string target, TimeSpan duration = default, params IReadOnlyList<string> codes)
    {
        var record = new FaultRecord
        {
            Number = faults.Count + 1, Kind = kind, Target = target, Duration = duration, ExpectedCodes = codes,
            Clock = Time.GetTimestamp(), At = Time.GetUtcNow(),
        };
        faults.Add(record);
        var status = Observer.Status;
        say($"{record}{(duration > TimeSpan.Zero ? $" for {duration.TotalSeconds:0.0} s" : "")} (step {status.Step}, generation {status.Generation}, {status.WorldSize} ranks)");
        return record;
    }

    /// <summary>Takes a fault back that did nothing, because its target had ended by itself or had nothing to do with anybody.</summary>
    internal void Withdraw(FaultRecord record, string why)
    {
        faults.Remove(record);
        withdrawn.Add(record);
        say($"{record} is withdrawn: {why}");
    }

    /// <summary>Whether the coordinator could not hear everybody while a fault lasted: it was killed or cut off, and workers come back one by one.</summary>
    internal bool WasCoordinatorAway(FaultRecord during)
        => faults.Any(f => f.Kind is FaultKind.KillCoordinator or FaultKind.CutCoordinator
            && Time.GetElapsedTime(f.Clock, during.Clock) < f.Duration + ReconnectTime && Time.GetElapsedTime(during.Clock, f.Clock) < during.Duration);

    /// <summary>Codes that the job must say something with when a worker is struck; none where no rank of the job is known to be on it.</summary>
    internal IReadOnlyList<string> Expect(ClusterWorker worker, params IReadOnlyList<string> codes)
        => Observer.Status.Ranks.Any(rank => rank.WorkerId == worker.Id) ? codes : [];

    /// <summary>A rank that trains in the present generation, of a worker that may be struck; null when there is none.</summary>
    internal (ClusterWorker Worker, int Rank)? PickMember()
    {
        var status = Observer.Status;
        if (status.State != Protocol.V1.JobState.Running || PickWorker() is not { } worker)
            return null;
        var rank = worker.Ranks.FirstOrDefault(id => status.Ranks.Any(r => r.ProcessId == id && !r.Joining));
        return rank > 0 ? (worker, rank) : null;
    }

    /// <summary>Does something after the strike, while the nemesis goes on.</summary>
    internal void Later(Func<Task> heal) => healing.Add(heal());

    /// <summary>Starts a worker in the place of one that is gone, after a while, where the population is too small without it.</summary>
    internal void Replace(ClusterWorker worker, TimeSpan after, bool underItsName) => Later(async () =>
    {
        await Pause(after);
        if (Stop.IsCancellationRequested)
            return;
        Cluster.Forget(worker);
        if (Cluster.Workers.Count < Population)
            Cluster.StartWorker(underItsName ? worker.Id : null, worker.Host);
    });

    /// <summary>Waits; ends early when the run is given up.</summary>
    internal Task Pause(TimeSpan time) => Task.Delay(time, Time, Stop).ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>Looks again and again, so often that it does not delay what follows; whether the condition came to hold in time.</summary>
    internal async Task<bool> Sees(Func<bool> condition, TimeSpan limit)
    {
        var begin = Time.GetTimestamp();
        while (!condition())
        {
            if (Time.GetElapsedTime(begin) > limit || Stop.IsCancellationRequested)
                return condition();
            await Task.Delay(LookAgain);
        }

        return true;
    }

    /// <summary>Waits until everything that was done is undone.</summary>
    internal async Task HealedAsync()
    {
        // Healing may begin more of it.
        for (var i = 0; i < healing.Count; i++)
            await healing[i];
    }

    /// <summary>Whether any other fault came after one.</summary>
    internal bool IsNewest(FaultRecord record) => faults[^1] == record;
}
