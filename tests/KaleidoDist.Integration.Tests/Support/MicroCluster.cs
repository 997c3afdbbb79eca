using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>A cluster of processes on loopback: <c>kaleido coordinator</c> and <c>kaleido worker</c>s of one slot each.</summary>
internal sealed class MicroCluster : IAsyncDisposable
{
    private const string Listens = "Coordinator listens on ";
    private readonly TemporaryFolder folder = new();
    private readonly List<KaleidoProcess> processes = [];

    /// <summary>The coordinator's address.</summary>
    public string Address { get; private set; } = "http://127.0.0.1:0";

    /// <summary>The coordinator that runs now.</summary>
    public KaleidoProcess Coordinator { get; private set; } = null!;

    /// <summary>Starts a cluster.</summary>
    public static async Task<MicroCluster> StartAsync(params IEnumerable<string> workerIds)
    {
        var cluster = new MicroCluster();
        await cluster.StartCoordinatorAsync();
        foreach (var id in workerIds)
            cluster.StartWorker(id);
        return cluster;
    }

    /// <summary>Starts a coordinator on the cluster's state folder: the first on a free port, later ones on the same.</summary>
    public async Task StartCoordinatorAsync()
    {
        Coordinator = Started(KaleidoProcess.Start("coordinator", "--listen", Address, "--state", folder["state"]));
        var line = await Coordinator.Line("the coordinator listens", Listens);
        Address = line[Listens.Length..line.IndexOf(',', StringComparison.Ordinal)].TrimEnd('/');
    }

    /// <summary>Kills the coordinator and waits until it is gone.</summary>
    public async Task KillCoordinatorAsync()
    {
        Coordinator.Signal(ProcessSignal.Kill);
        await Coordinator.Exit("the coordinator's death", expected: 128 + (int)ProcessSignal.Kill);
    }

    /// <summary>Starts a worker with one slot.</summary>
    public KaleidoProcess StartWorker(string id) => Started(KaleidoProcess.Start("worker", "--coordinator", Address, "--id", id, "--slots", "1"));

    /// <summary>Submits a run and follows it with <c>submit --watch --json</c>.</summary>
    public KaleidoProcess Submit(MicroRun run, params IEnumerable<string> settings)
        => Submit(run.Job(settings));

    /// <summary>Submits a job and follows it.</summary>
    public KaleidoProcess Submit(IEnumerable<string> job) => Started(KaleidoProcess.Start(["submit", .. job, "--watch", "--json", "--coordinator", Address]));

    /// <summary>Sends a worker's ranks away and ends it.</summary>
    public async Task DrainAsync(string worker)
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("drain", worker, "--coordinator", Address);
        Assert.True(exitCode == 0, string.Join('\n', errors));
    }

    /// <summary>Asks with a verb of the command line; returns its JSON.</summary>
    public async Task<JsonElement> Ask(params IEnumerable<string> verb)
    {
        await using var asked = KaleidoProcess.Start([.. verb, "--json", "--coordinator", Address]);
        await asked.Exit(string.Join(' ', verb), expected: 0);
        return JsonElement.Parse(string.Join('\n', asked.Output));
    }

    /// <summary>Waits until so many workers are connected.</summary>
    public async Task Workers(int count)
    {
        var begin = TimeProvider.System.GetTimestamp();
        while ((await Ask("workers")).EnumerateArray().Count(w => w.GetProperty("state").GetString() == "connected") < count)
        {
            if (TimeProvider.System.GetElapsedTime(begin) > Eventually.Limit)
                throw new TimeoutException($"Waited {Eventually.Limit.TotalSeconds:0} s for {count} workers. Found instead: {await Ask("workers")}");
        }
    }

    /// <summary>Waits until <c>status --json</c> satisfies a condition; returns the status.</summary>
    public async Task<JsonElement> Status(string phase, Func<JsonElement, bool> condition, string job = "micro")
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var isLate = TimeProvider.System.GetElapsedTime(begin) > Eventually.Limit;
            var status = await Ask("status", job);
            if (condition(status))
                return status;
            if (isLate)
                throw new TimeoutException($"Waited {Eventually.Limit.TotalSeconds:0} s for: {phase}. Found instead: {status}");
        }
    }

    /// <summary>Waits for a rank on a worker; returns its member and its process.</summary>
    public async Task<(long Member, int ProcessId)> RankOn(string worker, string job = "micro")
    {
        var status = await Status($"a rank with a process id on {worker}", s => s.GetProperty("ranks").EnumerateArray().Any(IsOn), job);
        var rank = status.GetProperty("ranks").EnumerateArray().First(IsOn);
        return (rank.GetProperty("member").GetInt64(), rank.GetProperty("process_id").GetInt32());

        bool IsOn(JsonElement rank) => rank.GetProperty("worker_id").GetString() == worker && rank.GetProperty("process_id").GetInt32() > 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // Clients and workers before the coordinator that they would look for.
        foreach (var process in Enumerable.Reverse(processes))
            await process.DisposeAsync();
        folder.Dispose();
    }

    private KaleidoProcess Started(KaleidoProcess process)
    {
        processes.Add(process);
        return process;
    }
}
