using System.Diagnostics;
using System.Globalization;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Rank processes that do training steps on synthetic samples.</summary>
internal sealed record StepRanks(JobSpec Spec, CollectiveTransport Transport) : BenchLibrary("steps")
{
    /// <inheritdoc/>
    internal override IEnumerable<ProcessStartInfo> Ranks(BenchSetting setting, int worldSize, string control)
    {
        for (var rank = 0; rank < worldSize; rank++)
        {
            var start = setting.LaunchSelf(rank, "bench", StepRankVerb.Name, control, $"{rank}", setting.AddressOf(rank), $"{Transport}", Spec.ToJson());
            foreach (var (name, value) in TorchRuntime.ExactEnvironment(Spec.Workers.ThreadsPerRank))
                start.Environment[name] = value;
            yield return start;
        }
    }
}

/// <summary>
/// Measures steps in turns: in each turn every way does one step, and the way that begins moves on by one. So whatever else the machine does hits
/// all of them alike.
/// </summary>
internal sealed class StepBench(JobSpec spec, CollectiveTransport transport, BenchSetting setting, int worldSize, int stepCount)
{
    /// <summary>Turns before the clock counts: memory is mapped and code is compiled.</summary>
    private const int WarmUpCount = 2;

    /// <summary>Runs all ways.</summary>
    /// <returns>The figures of each way.</returns>
    internal async Task<IReadOnlyList<StepFigure>> RunAsync(CancellationToken cancellation)
    {
        await using var ranks = await BenchGroup.StartAsync(new StepRanks(spec, transport), setting, worldSize, cancellation);
        StepFigure[] figures = [.. StepRankVerb.Ways.Select(way => new StepFigure(way.Name, new double[stepCount], new double[stepCount], new double[stepCount]))];
        for (var turn = -WarmUpCount; turn < stepCount; turn++)
        {
            for (var i = 0; i < figures.Length; i++)
            {
                var way = (i + turn + WarmUpCount) % figures.Length;
                var answers = (await ranks.AskAsync($"{way}", cancellation)).Select(Numbers).ToArray();
                if (turn < 0)
                    continue;
                Set(figures[way].StepSeconds, turn, answers.Max(times => times[0]));
                Set(figures[way].ComputeSeconds, turn, answers.Max(times => times[1]));
                Set(figures[way].ExposedSeconds, turn, answers.Min(times => times[2]));
            }
        }

        return figures;
    }

    private static void Set(IReadOnlyList<double> values, int index, double value) => ((double[])values)[index] = value;

    private static double[] Numbers(string answer) => [.. answer.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
}
