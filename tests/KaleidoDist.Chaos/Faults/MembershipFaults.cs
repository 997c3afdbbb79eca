using KaleidoDist.Checkpoints;

namespace KaleidoDist.Chaos;

/// <summary>One more worker, while the job has room for it.</summary>
internal sealed class Join : IFault
{
    private static readonly TimeSpan EntryLimit = TimeSpan.FromSeconds(45);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.Join;

    /// <inheritdoc/>
    public Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.Cluster.Workers.Count >= field.MostWorkers)
            return Task.FromResult(false);
        var worker = field.Cluster.StartWorker();
        var record = field.Record(Kind, $"{worker}");
        field.Later(async () =>
        {
            await field.Sees(() => IsMember(field, worker) || worker.Condition != WorkerCondition.Well || field.Observer.IsOver, EntryLimit);
            record.Evidence = IsMember(field, worker) ? $"{worker.Id} trains in generation {field.Observer.Status.Generation}"
                : worker.Condition != WorkerCondition.Well || field.Observer.IsOver ? $"{worker.Id} was overtaken by what came after"
                : null;
        });
        return Task.FromResult(true);
    }

    private static bool IsMember(Battlefield field, ClusterWorker worker)
        => field.Observer.Status.Ranks.Any(rank => rank.WorkerId == worker.Id && !rank.Joining);
}

/// <summary><c>kaleido drain</c>: a worker leaves at a step border and ends by itself.</summary>
internal sealed class Drain : IFault
{
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.Drain;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.Cluster.IsCoordinatorDown || field.PickWorker() is not { } worker)
            return false;
        var (again, sameName) = (field.Between(0.5, 4), field.Random.Next(2) == 0);
        var record = field.Record(Kind, $"{worker}", codes: [FaultCodes.WorkerLeaves, FaultCodes.WorkerLost]);
        worker.Condition = WorkerCondition.Leaving;
        var (exitCode, lines) = await AskAsync(field, worker);
        if (exitCode == 0)
            record.Evidence = lines is [var answer, ..] ? answer : "accepted";
        else
            record.Complaints.Add($"'kaleido drain' ended with {exitCode}: {string.Join(' ', lines)}");
        Leaving.Follow(field, record, worker, LeaveLimit, again, sameName);
        return true;
    }

    /// <summary>A worker that started just now, or lost its coordinator, is not known there yet: whoever drains it asks again.</summary>
    private static async Task<(int ExitCode, IReadOnlyList<string> Lines)> AskAsync(Battlefield field, ClusterWorker worker)
    {
        var begin = field.Time.GetTimestamp();
        while (true)
        {
            var answer = await field.Cluster.AskAsync("drain", worker.Id);
            if (answer.ExitCode == 0 || field.Time.GetElapsedTime(begin) > ConnectLimit || !answer.Lines.Any(line => line.Contains("is connected", StringComparison.Ordinal)))
                return answer;
            await field.Pause(AskAgain);
        }
    }
}

/// <summary>SIGTERM of a worker: it hands over within its grace, then ends.</summary>
internal sealed class Terminate : IFault
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(35);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.Terminate;

    /// <inheritdoc/>
    public Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickWorker() is not { } worker)
            return Task.FromResult(false);
        var (again, sameName) = (field.Between(0.5, 4), field.Random.Next(2) == 0);
        var record = field.Record(Kind, $"{worker}", codes: [FaultCodes.WorkerLeaves, FaultCodes.WorkerLost]);
        worker.Condition = WorkerCondition.Leaving;
        if (ClusterWorker.Signal(worker.Process.Id, ProcessSignal.Terminate))
            record.Evidence = $"SIGTERM reached process {worker.Process.Id}";
        Leaving.Follow(field, record, worker, Grace, again, sameName);
        return Task.FromResult(true);
    }
}

/// <summary>Workers that were asked to leave.</summary>
internal static class Leaving
{
    /// <summary>Sees that a worker ends by itself with exit code 0, and has it replaced.</summary>
    internal static void Follow(Battlefield field, FaultRecord record, ClusterWorker worker, TimeSpan limit, TimeSpan again, bool sameName) => field.Later(async () =>
    {
        if (!await field.Sees(() => worker.Process.HasExited, limit))
        {
            if (!field.Stop.IsCancellationRequested)
                record.Complaints.Add($"{worker} did not end within {limit.TotalSeconds:0} s");
            worker.Process.Signal(ProcessSignal.Kill);
        }
        else if (await worker.Process.Exit($"{worker} ended") is not 0 and var exitCode)
        {
            record.Complaints.Add($"{worker} ended with exit code {exitCode}");
        }

        worker.Condition = WorkerCondition.Dead;
        field.Replace(worker, again, sameName);
    });
}
