namespace KaleidoDist.Cli;

/// <summary>What one library needed for one size at one number of ranks.</summary>
/// <param name="Library">Its name.</param>
/// <param name="Ranks">World size.</param>
/// <param name="Bytes">Bytes summed.</param>
/// <param name="Seconds">Seconds of one all-reduce, one figure a turn.</param>
internal sealed record AllReduceFigure(string Library, int Ranks, long Bytes, IReadOnlyList<double> Seconds)
{
    /// <summary>The middle turn.</summary>
    internal double Median
    {
        get
        {
            double[] ordered = [.. Seconds.Order()];
            var middle = ordered.Length / 2;
            return ordered.Length % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
        }
    }

    /// <summary>The fastest turn.</summary>
    internal double Fastest => Seconds.Min();

    /// <summary>The slowest turn.</summary>
    internal double Slowest => Seconds.Max();
}

/// <summary>
/// Measures libraries in turns: all of them are formed and asleep, and one after another sums the same size, again and again. So whatever
/// else the machine does hits all of them alike, and ratios mean something.
/// </summary>
internal sealed class AllReduceBench(BenchSetting setting, IReadOnlyList<BenchLibrary> libraries, int turnCount)
{
    /// <summary>Aim for the length of a turn: long beside the scheduler's time slice.</summary>
    private const double TurnSeconds = 0.2;

    private const int MostIterations = 1000;

    /// <summary>Measures all libraries at one number of ranks.</summary>
    /// <param name="ranks">World size.</param>
    /// <param name="sizes">Bytes to sum.</param>
    /// <param name="onFigures">Called with the figures of each size, in the order of the libraries.</param>
    /// <param name="cancellation">Ends the ranks and the measurement.</param>
    internal async Task RunAsync(int ranks, IReadOnlyList<long> sizes, Func<IReadOnlyList<AllReduceFigure>, Task> onFigures, CancellationToken cancellation)
    {
        var groups = new List<BenchGroup>();
        try
        {
            foreach (var library in libraries)
                groups.Add(await BenchGroup.StartAsync(library, setting, ranks, cancellation));
            foreach (var size in sizes)
                await onFigures(await MeasureAsync(groups, ranks, size, cancellation));
        }
        finally
        {
            foreach (var group in groups)
                await group.DisposeAsync();
        }
    }

    private async Task<IReadOnlyList<AllReduceFigure>> MeasureAsync(List<BenchGroup> groups, int ranks, long size, CancellationToken cancellation)
    {
        var iterations = new int[groups.Count];
        foreach (var (index, group) in groups.Index())
            iterations[index] = (int)Math.Clamp(TurnSeconds / await group.RunAsync(size, 1, cancellation), 1, MostIterations);
        List<double>[] seconds = [.. groups.Select(_ => new List<double>())];
        for (var turn = 0; turn < turnCount; turn++)
        {
            foreach (var (index, group) in groups.Index())
                seconds[index].Add(await group.RunAsync(size, iterations[index], cancellation));
        }

        return [.. groups.Select((group, index) => new AllReduceFigure(group.Library.Name, ranks, size, seconds[index]))];
    }
}
