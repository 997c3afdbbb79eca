using System.Diagnostics;

namespace KaleidoDist.Cli;

/// <summary>Where the peers of the data path are.</summary>
/// <param name="Python">The Python that has PyTorch and PIL; null to leave them out.</param>
/// <param name="DuckDb">The program that reads with DuckDB.NET; null to leave it out.</param>
internal sealed record DataPeers(string? Python, string? DuckDb)
{
    /// <summary>DuckDB's reading.</summary>
    internal const string DuckDbRead = "DuckDB.NET, picture and text";

    /// <summary>PyTorch's decoding.</summary>
    internal const string TorchDecode = "DataLoader, PIL decode";

    /// <summary>PyTorch's decoding and cutting.</summary>
    internal const string TorchCells = "DataLoader, PIL decode and 55 resizes";
}

/// <summary>
/// Measures the stages in turns with the peers: in each turn everything runs once, and what begins moves on by one. So whatever else the machine
/// does hits all of them alike. One turn before the first is not counted: code is compiled, files are in the page cache, workers have started.
/// </summary>
internal sealed class DataBench(DataRows rows, DataStages stages, DataPeers peers, IReadOnlyList<int> threadCounts, int turnCount)
{
    /// <summary>Measures.</summary>
    internal async Task<IReadOnlyList<DataFigure>> RunAsync(CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("kaleido-bench-data-").FullName;
        try
        {
            var pictures = Path.Combine(folder, "pictures");
            if (peers.Python is not null)
                rows.WritePictures(pictures);
            using var torch = peers.Python is null ? null : PeerProcess.StartScript(
                "PyTorch", peers.Python, "data_peer.py", ("BENCH_PICTURES", pictures), ("BENCH_CELL_SIDE", $"{stages.CellSide}"));
            using var duckDb = peers.DuckDb is null ? null : PeerProcess.Start(
                "DuckDB", new ProcessStartInfo(peers.DuckDb, rows.Manifest.Files.Select(file => file.Path)));
            List<(DataFigure Figure, Func<Task<double>> Turn)> ways = [.. threadCounts.SelectMany(threads => Ways(threads, torch, duckDb, cancellation))];
            for (var turn = -1; turn < turnCount; turn++)
            {
                for (var i = 0; i < ways.Count; i++)
                {
                    var (figure, act) = ways[(i + turn + 1) % ways.Count];
                    var seconds = await act();
                    if (turn >= 0)
                        figure.Seconds.Add(seconds);
                    cancellation.ThrowIfCancellationRequested();
                }
            }

            return [.. ways.Select(way => way.Figure)];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private IEnumerable<(DataFigure, Func<Task<double>>)> Ways(int threads, PeerProcess? torch, PeerProcess? duckDb, CancellationToken cancellation)
    {
        foreach (var (stage, prepare) in stages.All())
        {
            var (act, count) = prepare(threads);
            yield return (new DataFigure(stage, threads, count, []), () => Task.FromResult(Time(act)));
        }

        if (duckDb is not null)
            yield return (new DataFigure(DataPeers.DuckDbRead, threads, rows.Count, [], DataStages.Read), () => duckDb.AskAsync($"read {threads} {rows.PassRows} {rows.Passes}", cancellation));
        if (torch is null)
            yield break;

        // Like ours, one thread is the consumer's own; more are processes beside it.
        var workers = threads == 1 ? 0 : threads;
        yield return (new DataFigure(DataPeers.TorchDecode, threads, rows.PassRows, [], DataStages.Decode), () => torch.AskAsync($"decode {workers}", cancellation));
        yield return (new DataFigure(DataPeers.TorchCells, threads, rows.PassRows, [], DataStages.Cells), () => torch.AskAsync($"cells {workers}", cancellation));
    }

    private static double Time(Action act)
    {
        var begin = Stopwatch.GetTimestamp();
        act();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }
}
