using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>The processes of the disturbed run: a coordinator outside, workers on the hosts of a lab.</summary>
internal sealed class ChaosCluster : IAsyncDisposable
{
    private const string Listens = "Coordinator listens on ";
    private readonly LabNetwork network;
    private readonly string stateFolder;
    private readonly Dictionary<string, string> environment;
    private readonly List<ClusterWorker> workers = [];
    private readonly List<(string Name, KaleidoProcess Process)> all = [];
    private string listen;
    private int lastWorker;

    /// <summary>A cluster of which nothing runs yet.</summary>
    /// <param name="network">Its hosts.</param>
    /// <param name="stateFolder">Where the coordinator keeps its state.</param>
    /// <param name="environment">Environment variables of every process.</param>
    internal ChaosCluster(LabNetwork network, string stateFolder, IReadOnlyDictionary<string, string> environment)
    {
        (this.network, this.stateFolder, this.environment) = (network, stateFolder, new(environment, StringComparer.Ordinal));
        listen = $"http://{network.CoordinatorAddress}:0";
    }

    /// <summary>Address of the coordinator.</summary>
    internal Uri Address => new(listen);

    /// <summary>The coordinator that runs, or ran last.</summary>
    internal KaleidoProcess Coordinator { get; private set; } = null!;

    /// <summary>Whether the coordinator is meant to be dead.</summary>
    internal bool IsCoordinatorDown { get; set; }

    /// <summary>The hosts.</summary>
    internal IReadOnlyList<LabHost> Hosts => network.Hosts;

    /// <summary>Whether hosts have networks of their own.</summary>
    internal bool HasNetwork => network.IsReal;

    /// <summary>Workers that were not given up.</summary>
    internal IReadOnlyList<ClusterWorker> Workers => workers;

    /// <summary>Workers that train, as far as the nemesis knows.</summary>
    internal IReadOnlyList<ClusterWorker> Well => [.. workers.Where(worker => worker.IsWell && worker.Ranks.Count > 0)];

    /// <summary>Starts a coordinator: the first on a free port, later ones on the same.</summary>
    internal async Task StartCoordinatorAsync()
    {
        string[] bind = network.IsReal ? ["--insecure"] : [];
        Coordinator = Keep("coordinator", KaleidoProcess.Start(new ProcessSurroundings { Environment = environment }, ["coordinator", "--listen", listen, "--state", stateFolder, .. bind]));
        var line = await Coordinator.Line("the coordinator listens", Listens);
        listen = line[Listens.Length..line.IndexOf(',', StringComparison.Ordinal)].TrimEnd('/');
        IsCoordinatorDown = false;
    }

    /// <summary>Starts a worker of one slot, by default under a new name on the host with the fewest.</summary>
    internal ClusterWorker StartWorker(string? id = null, LabHost? host = null)
    {
        id ??= $"w{++lastWorker}";
        host ??= Hosts.MinBy(h => workers.Count(worker => worker.Host == h && worker.Condition != WorkerCondition.Dead))!;
        workers.RemoveAll(worker => worker.Id == id);
        var process = KaleidoProcess.Start(host.Surroundings(environment), "worker", "--coordinator", listen, "--id", id, "--slots", "1", "--data-address", host.Address);
        var worker = new ClusterWorker(id, host, Keep(id, process));
        workers.Add(worker);
        return worker;
    }

    /// <summary>Forgets a worker that is gone for good.</summary>
    internal void Forget(ClusterWorker worker) => workers.Remove(worker);

    /// <summary>Runs a verb of the command line against the coordinator; returns its exit code and lines.</summary>
    internal async Task<(int ExitCode, IReadOnlyList<string> Lines)> AskAsync(params IEnumerable<string> verb)
    {
        await using var asked = KaleidoProcess.Start(new ProcessSurroundings { Environment = environment }, [.. verb, "--coordinator", listen]);
        return (await asked.Exit(string.Join(' ', verb)), [.. asked.Output, .. asked.Errors]);
    }

    /// <summary>Ends workers, then the coordinator, in good order; says who did not end in time.</summary>
    internal async Task<IReadOnlyList<string>> StopAsync(TimeSpan limit)
    {
        var complaints = new List<string>();
        foreach (var worker in workers.Where(worker => !worker.Process.HasExited))
            worker.Process.Signal(ProcessSignal.Terminate);
        foreach (var worker in workers)
            await EndAsync(worker.Id, worker.Process);
        if (!Coordinator.HasExited)
            Coordinator.Signal(ProcessSignal.Terminate);
        await EndAsync("the coordinator", Coordinator);
        return complaints;

        async Task EndAsync(string name, KaleidoProcess process)
        {
            try
            {
                await process.Exit($"{name} after SIGTERM", limit);
            }
            catch (TimeoutException)
            {
                complaints.Add($"{name} (process {process.Id}) did not end within {limit.TotalSeconds:0} s of SIGTERM");
            }
        }
    }

    /// <summary>Writes what every process said to a folder, a file each.</summary>
    internal void SaveLogs(string folder)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < all.Count; i++)
            File.WriteAllLines(Path.Combine(folder, $"{i:000}-{all[i].Name}.log"), [.. all[i].Process.Output, .. all[i].Process.Errors]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (_, process) in Enumerable.Reverse(all))
            await process.DisposeAsync();
    }

    private KaleidoProcess Keep(string name, KaleidoProcess process)
    {
        all.Add((name, process));
        return process;
    }
}
