using System.Text.Json;
using KaleidoDist.Data;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>
/// The proof: (1) the job undisturbed, (2) the same job under a nemesis, (3) a judge who compares the two. Everything that was started
/// is ended, and everything that was made is removed, also when the run is interrupted.
/// </summary>
internal sealed class ChaosRun(ChaosOptions options, TimeProvider time, Action<string> say)
{
    private const string LedgerVariable = "KALEIDO_LEDGER";
    private const double StruckShare = 0.95;

    // Three checkpoints of the micro job, one that is being written, what a minute of broken saves leaves, and its journals.
    private const long RunFolderBytes = 160 << 20;
    private const long JournalBytesPerStep = 4 << 10;

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromSeconds(15);

    /// <summary>Runs, judges and cleans up.</summary>
    internal async Task<Verdict> RunAsync(CancellationToken cancellation)
    {
        using var folder = new TemporaryFolder();
        using var disk = options.Kinds.Contains(FaultKind.FillDisk) && LabNetwork.WhatIsMissing.Length == 0 ? new SmallDisk(folder["run"], RunFolderBytes + (options.TotalSteps * JournalBytesPerStep)) : null;
        var missing = LabNetwork.WhatIsMissing;
        List<FaultKind> left = missing.Length == 0 ? [] : [.. options.Kinds.Intersect(FaultKinds.OfTheSystem)];
        if (left.Count > 0)
            say($"NOT RUN: {string.Join(", ", left.Select(kind => kind.Name()))}: {missing}");
        say($"seed {options.Seed}, {options.TotalSteps} steps, {options.Workers} workers, kinds {string.Join(", ", options.Kinds.Except(left).Select(kind => kind.Name()))}");

        var calm = folder["calm"];
        var begin = time.GetTimestamp();
        await TrainCalmlyAsync(calm, folder["calm-ledger"], cancellation);
        say($"calm run: {options.TotalSteps} steps in {time.GetElapsedTime(begin).TotalSeconds:0} s");

        begin = time.GetTimestamp();
        var battle = await FightAsync(folder, [.. options.Kinds.Except(left)], disk, cancellation);
        var took = time.GetElapsedTime(begin);
        var verdict = await JudgeAsync(folder, battle, cancellation) with { NotRun = left, Seed = options.Seed, Disturbed = took };
        if (!verdict.Passed)
            Keep(folder, battle);
        return verdict;
    }

    private async Task TrainCalmlyAsync(string runFolder, string ledgerFolder, CancellationToken cancellation)
    {
        await using var train = KaleidoProcess.Start(Environment(ledgerFolder), ["train", .. Job(runFolder), "--workers", "2", "--json"]);
        using var interrupted = cancellation.Register(() => train.Signal(Checkpoints.ProcessSignal.Kill));
        var code = await train.Exit("the calm run", TimeSpan.FromMinutes(5 + options.Minutes * 2));
        cancellation.ThrowIfCancellationRequested();
        if (code != 0)
            throw new InvalidOperationException($"The calm run ended with {code}; expected 0. {train.Describe()}");
    }

    private async Task<Battle> FightAsync(TemporaryFolder folder, IReadOnlyList<FaultKind> kinds, SmallDisk? disk, CancellationToken cancellation)
    {
        var complaints = new List<string>();
        var network = LabNetwork.Create(Math.Max(2, options.Workers - 1));
        var logs = folder["logs"];
        Battlefield field;
        JobObserver? observer = null;
        try
        {
            await using var cluster = new ChaosCluster(network, folder["state"], Environment(folder["ledger"]).Environment);
            try
            {
                await cluster.StartCoordinatorAsync();
                for (var i = 0; i < options.Workers; i++)
                    cluster.StartWorker();
                observer = new JobObserver(cluster.Address, await SubmitAsync(cluster, folder["run"]));
                // One thing at a time: what heals and what strikes share the cluster.
                var turns = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
                field = await await Task.Factory.StartNew(() => StrikeAsync(cluster, observer, kinds, disk, complaints, cancellation), CancellationToken.None, TaskCreationOptions.None, turns);
                cancellation.ThrowIfCancellationRequested();
                complaints.AddRange(await cluster.StopAsync(EndLimit));
            }
            finally
            {
                cluster.SaveLogs(logs);
                if (observer is not null)
                    await observer.DisposeAsync();
            }
        }
        finally
        {
            network.Dispose();
        }

        complaints.AddRange(network.Remains().Select(name => $"{name} of the lab's network is left"));
        complaints.AddRange(ProcessTable.WithEnvironment(LedgerVariable, folder["ledger"]).Select(id => $"process {id} is left"));
        return new Battle(field.Faults, field.Withdrawn, observer!, complaints);
    }

    private async Task<Battlefield> StrikeAsync(
        ChaosCluster cluster, JobObserver observer, IReadOnlyList<FaultKind> kinds, SmallDisk? disk, List<string> complaints, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var field = new Battlefield(cluster, observer, new Random(options.Seed), time, say, over.Token)
        {
            MinimumWell = options.MinimumWell, Population = options.Workers, MostWorkers = options.Workers + 2,
        };
        var watching = WatchAsync(observer, complaints, over);
        await field.Sees(() => observer.Status.Step >= 5 || observer.IsOver, EndLimit);
        await new Nemesis(field, kinds, disk).RunAsync(options.Pauses.Shortest, options.Pauses.Longest, () => !over.IsCancellationRequested && !observer.IsOver && observer.Status.Step < options.TotalSteps * StruckShare);
        await field.HealedAsync();
        await watching;
        return field;
    }

    /// <summary>Reports now and then, and gives the run up when it does not move any more.</summary>
    private async Task WatchAsync(JobObserver observer, List<string> complaints, CancellationTokenSource over)
    {
        var (moved, said) = (time.GetTimestamp(), time.GetTimestamp());
        long highest = 0;
        while (!observer.IsOver && !over.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time);
            var status = observer.Status;
            if (status.Step > highest)
                (highest, moved) = (status.Step, time.GetTimestamp());
            if (time.GetElapsedTime(said) > ReportPeriod)
            {
                said = time.GetTimestamp();
                say($"step {status.Step} of {options.TotalSteps}, generation {status.Generation}, {status.WorldSize} ranks, {status.Restarts} restarts, {status.Regroups} regroups: {status.Reason}");
            }

            if (time.GetElapsedTime(moved) <= options.LivenessBound * 2)
                continue;
            complaints.Add($"no new step for {(options.LivenessBound * 2).TotalSeconds:0} s after step {highest}: the run was given up ({status.State}: {status.Reason})");
            await over.CancelAsync();
        }
    }

    private async Task<string> SubmitAsync(ChaosCluster cluster, string runFolder)
    {
        var (exitCode, lines) = await cluster.AskAsync(["submit", .. Job(runFolder), "--json"]);
        return exitCode == 0
            ? JsonElement.Parse(lines[0]).GetProperty("job_id").GetString()!
            : throw new InvalidOperationException($"'kaleido submit' ended with {exitCode}: {string.Join(' ', lines)}");
    }

    private async Task<Verdict> JudgeAsync(TemporaryFolder folder, Battle battle, CancellationToken cancellation)
    {
        var spec = MicroJob.Spec(folder["run"]);
        var train = await DatasetIndexer.IndexAsync(spec.Data.Train, cancellation);
        var ledger = RunLedger.Read(folder["ledger"]);
        var samples = LedgerJudge.Judge(ledger, PlanShape.Of(spec), train.RowCount, options.TotalSteps);
        var calmSamples = LedgerJudge.Judge(RunLedger.Read(folder["calm-ledger"]), PlanShape.Of(spec), train.RowCount, options.TotalSteps);
        var recoveries = Recoveries.Read(ledger, battle.Faults, time);
        return new Verdict
        {
            Faults = battle.Faults,
            Recoveries = recoveries,
            Ledger = samples,
            Regroups = battle.Observer.Regroups,
            Restarts = battle.Observer.Status.Restarts,
            Losses =
            [
                .. battle.Observer.Status.State == Protocol.V1.JobState.Succeeded ? [] : new[] { $"the job is {battle.Observer.Status.State} at step {battle.Observer.Status.Step}: {battle.Observer.Status.Reason}" },
                .. HistoryJudge.Compare(folder["calm"], folder["run"], options.TotalSteps, time, battle.Faults.Any(fault => fault.Kind == FaultKind.FillDisk)),
                .. samples.Complaints,
                .. calmSamples.Complaints.Select(complaint => $"calm run: {complaint}"),
            ],
            Shortcomings =
            [
                .. battle.Complaints,
                .. FaultJudge.Judge(battle.Faults, battle.Observer.Events, battle.Withdrawn),
                .. recoveries.Where(r => r.Quiet > options.LivenessBound).Select(r => $"{r.Fault}: no new step for {r.Pause.TotalSeconds:0.0} s, {r.Quiet.TotalSeconds:0.0} s of them undisturbed; expected at most {options.LivenessBound.TotalSeconds:0} s"),
            ],
        };
    }

    private IReadOnlyList<string> Job(string runFolder)
    {
        string[] settings =
        [
            $"checkpoint.uri={runFolder}", $"checkpoint.every={options.CheckpointEvery}", "checkpoint.keep.last=3", $"training.steps={options.TotalSteps}",
            $"workers.min={Math.Min(2, options.MinimumWell)}", $"workers.max={Math.Min(MicroJob.VirtualRanks, options.Workers + 2)}",
        ];
        return [MicroJob.File, .. settings.SelectMany(setting => new[] { "--set", setting })];
    }

    private static ProcessSurroundings Environment(string ledgerFolder) => new()
    {
        Environment = new Dictionary<string, string>(StringComparer.Ordinal) { [LedgerVariable] = ledgerFolder },
    };

    private void Keep(TemporaryFolder folder, Battle battle)
    {
        Directory.CreateDirectory(options.KeepFolder);
        foreach (var part in new[] { "logs", "ledger" }.Where(part => Directory.Exists(folder[part])))
            CopyFolder(folder[part], Path.Combine(options.KeepFolder, part));
        foreach (var run in new[] { "calm", "run" }.Where(run => File.Exists(folder[run, "metrics.jsonl"])))
            File.Copy(folder[run, "metrics.jsonl"], Path.Combine(options.KeepFolder, $"{run}.jsonl"), overwrite: true);
        File.WriteAllLines(Path.Combine(options.KeepFolder, "events.txt"), battle.Observer.Events.Select(e => $"{e.At:HH:mm:ss.fff} {e.Code} {e.Text}"));
        say($"logs, ledgers, journals and events are kept in {options.KeepFolder}");
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
    }

    private sealed record Battle(IReadOnlyList<FaultRecord> Faults, IReadOnlyList<FaultRecord> Withdrawn, JobObserver Observer, IReadOnlyList<string> Complaints);
}
