using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Where the ranks of a benchmark run.</summary>
internal sealed record BenchSetting
{
    /// <summary>Address at which ranks reach this process.</summary>
    public string ControlAddress { get; init; } = "127.0.0.1";

    /// <summary>Address of each rank; the last one serves all ranks beyond.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = ["127.0.0.1"];

    /// <summary>What to put before a rank's command, <c>{rank}</c> being its number; for example <c>ip netns exec host{rank}</c>.</summary>
    public string Launcher { get; init; } = "";

    /// <summary>The Python that has the peers.</summary>
    public string Python { get; init; } = "/usr/bin/python3";

    /// <summary>The address of a rank.</summary>
    internal string AddressOf(int rank) => Addresses[Math.Min(rank, Addresses.Count - 1)];

    /// <summary>How to start a rank's program.</summary>
    internal ProcessStartInfo Launch(int rank, string program, params IEnumerable<string> arguments)
    {
        string[] words = [.. Launcher.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word.Replace("{rank}", $"{rank}", StringComparison.Ordinal)), program];
        return new ProcessStartInfo(words[0], [.. words.Skip(1), .. arguments]);
    }

    /// <summary>How to start a rank that is this program.</summary>
    internal ProcessStartInfo LaunchSelf(int rank, params IEnumerable<string> arguments)
    {
        var path = Environment.ProcessPath ?? throw new KaleidoException("The path of the running program is unknown; expected an executable file.");
        var viaHost = string.Equals(Path.GetFileNameWithoutExtension(path), "dotnet", StringComparison.Ordinal);
        return Launch(rank, path, [.. viaHost ? [Environment.GetCommandLineArgs()[0]] : Array.Empty<string>(), .. arguments]);
    }
}

/// <summary>A library, or a way of ours, that sums over ranks.</summary>
/// <param name="Name">As tables name it.</param>
internal abstract record BenchLibrary(string Name)
{
    /// <summary>Ours, by the names of <c>--transport</c>.</summary>
    internal static IReadOnlyList<OwnLibrary> Ours { get; } =
    [
        new OwnLibrary("shm", CollectiveTransport.SharedMemory, WireType.F32),
        new OwnLibrary("tcp", CollectiveTransport.Tcp, WireType.F32),
        new OwnLibrary("bf16", CollectiveTransport.Tcp, WireType.BF16),
    ];

    /// <summary>Others, by the names of <c>--peers</c>.</summary>
    internal static IReadOnlyList<PeerLibrary> Peers { get; } =
    [
        new GlooLibrary("gloo", "torch.distributed", "python3-torch libopenblas0-pthread"),
        new MpiLibrary("mpi", "mpi4py", "python3-mpi4py openmpi-bin", []),
        new MpiLibrary("mpi-tcp", "mpi4py", "python3-mpi4py openmpi-bin", ["--mca", "btl", "tcp,self"]),
    ];

    /// <summary>The processes that become the ranks.</summary>
    internal abstract IEnumerable<ProcessStartInfo> Ranks(BenchSetting setting, int worldSize, string control);
}

/// <summary>This program's collectives.</summary>
internal sealed record OwnLibrary(string Name, CollectiveTransport Transport, WireType Wire) : BenchLibrary(Name)
{
    /// <inheritdoc/>
    internal override IEnumerable<ProcessStartInfo> Ranks(BenchSetting setting, int worldSize, string control)
    {
        return Enumerable.Range(0, worldSize).Select(rank => setting.LaunchSelf(
            rank, "bench", BenchRankVerb.Name, control, $"{rank}", setting.AddressOf(rank), $"{Transport}", $"{Wire}"));
    }
}

/// <summary>Another library, spoken to through a Python script.</summary>
internal abstract record PeerLibrary(string Name, string Module, string Packages) : BenchLibrary(Name)
{
    private const string ScriptName = "allreduce_peer.py";

    /// <summary>The script of a rank.</summary>
    protected static string Script
    {
        get
        {
            using var stream = typeof(PeerLibrary).Assembly.GetManifestResourceStream(ScriptName)!;
            return new StreamReader(stream).ReadToEnd();
        }
    }

    /// <summary>Whether this machine has the library.</summary>
    internal bool IsInstalled(string python)
    {
        try
        {
            var start = new ProcessStartInfo(python, ["-c", $"import {Module}"]) { RedirectStandardError = true };
            using var process = Process.Start(start)!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // There is no such Python.
        }
    }
}

/// <summary>gloo, through PyTorch.</summary>
internal sealed record GlooLibrary(string Name, string Module, string Packages) : PeerLibrary(Name, Module, Packages)
{
    /// <inheritdoc/>
    internal override IEnumerable<ProcessStartInfo> Ranks(BenchSetting setting, int worldSize, string control)
    {
        var rendezvous = $"{setting.AddressOf(0)}:{FreePort()}";
        for (var rank = 0; rank < worldSize; rank++)
        {
            var start = setting.Launch(rank, setting.Python, "-c", Script);
            start.Environment["BENCH_LIBRARY"] = "gloo";
            start.Environment["BENCH_CONTROL"] = control;
            start.Environment["BENCH_RANK"] = rank.ToString(CultureInfo.InvariantCulture);
            start.Environment["BENCH_WORLD"] = worldSize.ToString(CultureInfo.InvariantCulture);
            start.Environment["BENCH_RENDEZVOUS"] = rendezvous;
            start.Environment["OMP_NUM_THREADS"] = "1";
            // Else gloo takes the address the machine's name resolves to.
            if (setting.Launcher.Length == 0)
                start.Environment["GLOO_SOCKET_IFNAME"] = "lo";
            yield return start;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>Open MPI, through mpi4py. It starts its ranks itself, so it is for one machine here.</summary>
internal sealed record MpiLibrary(string Name, string Module, string Packages, IReadOnlyList<string> Options) : PeerLibrary(Name, Module, Packages)
{
    /// <inheritdoc/>
    internal override IEnumerable<ProcessStartInfo> Ranks(BenchSetting setting, int worldSize, string control)
    {
        var start = new ProcessStartInfo("mpirun", ["--allow-run-as-root", "--oversubscribe", .. Options, "-n", $"{worldSize}", setting.Python, "-c", Script]);
        start.Environment["BENCH_LIBRARY"] = "mpi";
        start.Environment["BENCH_CONTROL"] = control;
        return [start];
    }
}
