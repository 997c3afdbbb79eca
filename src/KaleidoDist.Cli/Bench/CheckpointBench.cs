using System.Diagnostics;
using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>What one way of saving or loading needed.</summary>
/// <param name="Way">As tables name it.</param>
/// <param name="Bytes">Bytes moved.</param>
/// <param name="Seconds">One figure a turn.</param>
internal sealed record CheckpointFigure(string Way, long Bytes, List<double> Seconds)
{
    /// <summary>The middle turn.</summary>
    internal double Median => Seconds.Order().ElementAt(Seconds.Count / 2);
}

/// <summary>
/// Saves and loads a state of weights and two moments, in turns with the peers: in each turn every way saves once and loads once, and the way that
/// begins moves on by one. So whatever else the machine and its disk do hits all of them alike. Files are removed after each turn.
/// </summary>
internal sealed class CheckpointBench : IDisposable
{
    private const int TensorRows = 3072;
    private const int TensorColumns = 768;
    private const int StateParts = 3;
    private readonly string folder;
    private readonly int tensorCount;
    private readonly NativeBuffer live;
    private readonly NativeBuffer loaded;
    private readonly SnapshotMemory memory = new();
    private readonly CheckpointCatalog catalog;
    private CheckpointLineage lineage;

    /// <summary>Prepares a state.</summary>
    /// <param name="directory">Where to write; a folder of its own is created there.</param>
    /// <param name="bytes">About how much.</param>
    internal CheckpointBench(string directory, long bytes)
    {
        tensorCount = (int)Math.Max(1, bytes / StateParts / TensorBytes);
        folder = Directory.CreateDirectory(Path.Combine(Path.GetFullPath(directory), $"kaleido-bench-{Environment.ProcessId}")).FullName;
        live = new NativeBuffer(Bytes);
        loaded = new NativeBuffer(Bytes);
        var random = new KeyedRandom(1, RandomPurpose.Dropout);
        var values = live.Floats.AsSpan();
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)random.NextDouble();
        loaded.Floats.AsSpan().Clear(); // touched, as the memory of a model that exists
        catalog = new CheckpointCatalog(folder, TimeProvider.System);
        lineage = new CheckpointLineage(
            new CheckpointJob
            {
                JobId = "bench", VirtualRanks = 1, GlobalBatch = 1, ThreadsPerRank = 1, DatasetFingerprint = new string('0', 64), Order = "none", Seed = 1,
                ConfigHash = new string('0', 64), Software = new Dictionary<string, string>(),
            },
            Generation: 1, WorldSize: 1, "bench", CheckpointHead.Empty);
        memory.Reserve(Snapshot(0));
    }

    private static long TensorBytes => (long)TensorRows * TensorColumns * sizeof(float);

    /// <summary>Bytes of the state.</summary>
    internal long Bytes => tensorCount * TensorBytes * StateParts;

    /// <summary>Measures.</summary>
    /// <param name="torch">The Python that has PyTorch; null to leave it out.</param>
    /// <param name="withDd">Whether to measure dd, the disk's limit.</param>
    /// <param name="turnCount">Turns that count, after one that does not.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    internal async Task<IReadOnlyList<CheckpointFigure>> RunAsync(string? torch, bool withDd, int turnCount, CancellationToken cancellation)
    {
        using var peer = torch is null ? null : PeerProcess.StartScript(
            "PyTorch", torch, "checkpoint_peer.py", ("BENCH_SIZES", string.Join(',', Enumerable.Repeat(TensorRows * TensorColumns, tensorCount * StateParts))));
        List<Func<Action<string, double>, Task>> ways = [note => OwnAsync(note, cancellation)];
        if (peer is not null)
            ways.Add(note => TorchAsync(peer, note, cancellation));
        if (withDd)
            ways.Add(note => DdAsync(note, cancellation));
        var figures = new List<CheckpointFigure>();
        for (var turn = -1; turn < turnCount; turn++)
        {
            for (var i = 0; i < ways.Count; i++)
            {
                await ways[(i + turn + 1) % ways.Count](turn < 0 ? (_, _) => { } : Note);
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return figures;

        void Note(string way, double seconds)
        {
            if (figures.FirstOrDefault(figure => figure.Way == way) is not { } figure)
                figures.Add(figure = new CheckpointFigure(way, Bytes, []));
            figure.Seconds.Add(seconds);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        live.Dispose();
        loaded.Dispose();
        memory.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>As a rank and its coordinator do it: snapshot, files, commit; then a verified load.</summary>
    private async Task OwnAsync(Action<string, double> note, CancellationToken cancellation)
    {
        var begin = Stopwatch.GetTimestamp();
        var copy = memory.Copy(Snapshot(lineage.Head.LastSeq + 1));
        note(CheckpointTable.Stall, Since(begin));
        var manifest = await Task.Run(() => Commit(new CheckpointShardWriter(folder).Write(copy, cancellation), copy.Step), cancellation);
        note(CheckpointTable.Save, Since(begin));

        foreach (var way in new[] { CheckpointTable.LoadCold, CheckpointTable.Load })
        {
            var loading = Stopwatch.GetTimestamp();
            new CheckpointLoader(folder).Load(manifest, Destinations(0), Destinations(1), Destinations(2));
            note(way, Since(loading));
        }

        Directory.Delete(Path.Combine(folder, "data"), recursive: true);
    }

    private async Task TorchAsync(PeerProcess peer, Action<string, double> note, CancellationToken cancellation)
    {
        var path = Path.Combine(folder, "torch.pt");
        note(CheckpointTable.TorchSave, await peer.AskAsync($"save {path}", cancellation));
        await peer.AskAsync($"drop {path}", cancellation);
        note(CheckpointTable.TorchLoadCold, await peer.AskAsync($"load {path}", cancellation));
        note(CheckpointTable.TorchLoad, await peer.AskAsync($"load {path}", cancellation));
        File.Delete(path);
    }

    private async Task DdAsync(Action<string, double> note, CancellationToken cancellation)
    {
        const int BlockBytes = 8 << 20;
        var path = Path.Combine(folder, "dd");
        var begin = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(
            "dd", ["if=/dev/zero", $"of={path}", "bs=8M", $"count={Bytes / BlockBytes}", "oflag=direct", "conv=fsync", "status=none"]))!;
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0)
            throw new KaleidoException($"dd ended with exit code {process.ExitCode}; expected 0. Does the file system of '{folder}' have O_DIRECT? Leave it out with --peer torch.");
        note(CheckpointTable.Dd, Since(begin) * Bytes / (Bytes / BlockBytes * BlockBytes));
        File.Delete(path);
    }

    private CheckpointManifest Commit(CheckpointShard shard, long step)
    {
        var result = catalog.Commit(
            new CheckpointProposalData
            {
                Generation = 1, Attempt = shard.Attempt, Directory = shard.Directory, Step = step, Epoch = 0, StepInEpoch = step, Samples = step,
                Kind = CheckpointKind.Periodic, Files = shard.Files, WeightsXxh128 = shard.WeightsXxh128,
            },
            lineage);
        if (result is not CommitResult.Committed committed)
            throw new KaleidoException($"The checkpoint was not committed: {result}.");
        lineage = lineage.After(committed.Manifest);
        return committed.Manifest;
    }

    private CheckpointSnapshot Snapshot(long step) => new()
    {
        JobId = "bench", Generation = 1, Step = step, State = new TrainingState(step),
        Weights = Sources(0), FirstMoments = Sources(1), SecondMoments = Sources(2),
    };

    private List<TensorSource> Sources(int part)
        => [.. Enumerable.Range(0, tensorCount).Select(i => new TensorSource($"layer.{i}.weight", TensorType.F32, [TensorRows, TensorColumns], Place(live, part, i), TensorBytes))];

    private List<TensorDestination> Destinations(int part)
        => [.. Enumerable.Range(0, tensorCount).Select(i => new TensorDestination($"layer.{i}.weight", TensorType.F32, [TensorRows, TensorColumns], Place(loaded, part, i), TensorBytes))];

    private nint Place(NativeBuffer buffer, int part, int tensor) => buffer.Address + (nint)((((long)part * tensorCount) + tensor) * TensorBytes);

    private static double Since(long begin) => Stopwatch.GetElapsedTime(begin).TotalSeconds;
}
