using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>SIGKILL of a rank: its agent lives and tells.</summary>
internal sealed class KillRank : IFault
{
    private static readonly TimeSpan DeathLimit = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.KillRank;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { Ranks: [var rank, ..] } worker)
            return false;
        var record = field.Record(Kind, $"process {rank} of {worker}", codes: [FaultCodes.RankExited, FaultCodes.JoinerLost]);
        if (!ClusterWorker.Signal(rank, ProcessSignal.Kill))
        {
            field.Withdraw(record, "it had ended");
            return false;
        }

        if (await field.Sees(() => !ProcessTable.IsAlive(rank), DeathLimit))
            record.Evidence = $"process {rank} is gone";
        return true;
    }
}

/// <summary>SIGKILL of an agent: nobody tells, its ranks die with it, and a scheduler starts another.</summary>
internal sealed class KillAgent : IFault
{
    private static readonly TimeSpan DeathLimit = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.KillAgent;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { } worker)
            return false;
        var (again, sameName) = (field.Between(0.5, 5), field.Random.Next(2) == 0);
        var ranks = worker.Ranks;
        var record = field.Record(Kind, $"{worker}", codes: field.Expect(worker, FaultCodes.WorkerLost, FaultCodes.WorkerCameBackWithout, FaultCodes.JoinerLost));
        worker.Condition = WorkerCondition.Dead;
        worker.Process.Signal(ProcessSignal.Kill);
        if (await field.Sees(() => worker.Process.HasExited, DeathLimit))
            record.Evidence = $"process {worker.Process.Id} is gone";
        if (!await field.Sees(() => !ranks.Any(ProcessTable.IsAlive), DeathLimit))
            record.Complaints.Add($"rank process {string.Join(", ", ranks.Where(ProcessTable.IsAlive))} outlived its agent by {DeathLimit.TotalSeconds:0} s");
        field.Replace(worker, again, sameName);
        return true;
    }
}

/// <summary>SIGKILL of the coordinator; another one starts on its state.</summary>
internal sealed class KillCoordinator : IFault
{
    private static readonly TimeSpan DeathLimit = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.KillCoordinator;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.Cluster.IsCoordinatorDown)
            return false;
        var down = field.Between(0.2, 4);
        var old = field.Cluster.Coordinator;
        var record = field.Record(Kind, $"the coordinator (process {old.Id})", down, FaultCodes.CoordinatorStarted, FaultCodes.RanksKept);
        field.Cluster.IsCoordinatorDown = true;
        old.Signal(ProcessSignal.Kill);
        if (await field.Sees(() => old.HasExited, DeathLimit))
            record.Evidence = $"process {old.Id} is gone";
        field.Later(async () =>
        {
            await field.Pause(down);
            await field.Cluster.StartCoordinatorAsync();
        });
        return true;
    }
}
