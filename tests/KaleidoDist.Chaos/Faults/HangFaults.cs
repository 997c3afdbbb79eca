using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>SIGSTOP of a rank that is over before anybody may lose patience: the rank must survive it.</summary>
internal sealed class PauseRank : IFault
{
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.PauseRank;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { Ranks: [var rank, ..] } worker)
            return false;
        var record = field.Record(Kind, $"process {rank} of {worker}", field.Between(0.1, 0.6));
        if (!await Stopping.StopAsync(field, record, worker, rank))
            return false;
        field.Later(async () =>
        {
            await field.Pause(record.Duration);
            ClusterWorker.Signal(rank, ProcessSignal.Continue);
            worker.Recover();
            await field.Pause(Aftermath);
            if (field.IsNewest(record) && !ProcessTable.IsAlive(rank) && !field.Observer.IsOver)
                record.Complaints.Add($"process {rank} did not survive being stopped for {record.Duration.TotalSeconds:0.0} s");
        });
        return true;
    }
}

/// <summary>SIGSTOP of a rank past every patience: it must be removed, and not take part again.</summary>
internal sealed class HangRank : IFault
{
    private static readonly TimeSpan FenceLimit = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.HangRank;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        // A rank that has not joined yet holds nobody up.
        if (field.PickMember() is not { } struck)
            return false;
        var (worker, rank) = struck;
        var record = field.Record(Kind, $"process {rank} of {worker}", field.Between(6, 10), FaultCodes.RankHangs);
        if (!await Stopping.StopAsync(field, record, worker, rank))
            return false;
        field.Later(async () =>
        {
            await field.Pause(record.Duration);
            ClusterWorker.Signal(rank, ProcessSignal.Continue);
            if (field.WasCoordinatorAway(record))
                record.ExpectedCodes = []; // nobody could be told in time
            else if (!await field.Sees(() => !ProcessTable.IsAlive(rank), FenceLimit) && !field.Stop.IsCancellationRequested)
                record.Complaints.Add($"process {rank} was stopped for {record.Duration.TotalSeconds:0.0} s and still lives {FenceLimit.TotalSeconds:0} s later: it was not removed");
            worker.Recover();
        });
        return true;
    }
}

/// <summary>SIGSTOP of an agent past its lease: its ranks run, but nobody answers for them.</summary>
internal sealed class HangAgent : IFault
{
    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.HangAgent;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { } worker)
            return false;
        var record = field.Record(Kind, $"{worker}", field.Between(7, 11), field.Expect(worker, FaultCodes.WorkerLost, FaultCodes.WorkerCameBackWithout, FaultCodes.JoinerLost));
        if (!await Stopping.StopAsync(field, record, worker, worker.Process.Id))
            return false;
        field.Later(async () =>
        {
            await field.Pause(record.Duration);
            ClusterWorker.Signal(worker.Process.Id, ProcessSignal.Continue);
            worker.Recover();
        });
        return true;
    }
}

/// <summary>A rank that gets a quarter of a processor for a while, as beside a greedy neighbour.</summary>
internal sealed class Slow : IFault
{
    private static readonly TimeSpan Stopped = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan Running = TimeSpan.FromMilliseconds(10);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.Slow;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { Ranks: [var rank, ..] } worker)
            return false;
        var record = field.Record(Kind, $"process {rank} of {worker}", field.Between(3, 8));
        if (!await Stopping.StopAsync(field, record, worker, rank))
            return false;
        field.Later(async () =>
        {
            while (field.Time.GetElapsedTime(record.Clock) < record.Duration && !field.Stop.IsCancellationRequested)
            {
                ClusterWorker.Signal(rank, ProcessSignal.Continue);
                await field.Pause(Running);
                ClusterWorker.Signal(rank, ProcessSignal.Stop);
                await field.Pause(Stopped);
            }

            ClusterWorker.Signal(rank, ProcessSignal.Continue);
            worker.Recover();
        });
        return true;
    }
}

/// <summary>SIGSTOP with proof.</summary>
internal static class Stopping
{
    private const char Stopped = 'T';
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>Stops a process of a worker, which is disturbed from then on, and notes that the kernel says so; false, with the fault taken back, when it had ended before.</summary>
    internal static async Task<bool> StopAsync(Battlefield field, FaultRecord record, ClusterWorker worker, int processId)
    {
        if (ClusterWorker.Signal(processId, ProcessSignal.Stop))
        {
            await field.Sees(() => ProcessTable.StateOf(processId) is Stopped or null, Limit);
            if (ProcessTable.StateOf(processId) == Stopped)
                record.Evidence = $"/proc/{processId}/stat says {Stopped}";
        }

        if (record.Evidence is null && !ProcessTable.IsAlive(processId))
        {
            field.Withdraw(record, "it had ended");
            return false;
        }

        worker.Condition = WorkerCondition.Disturbed;
        return true;
    }
}
