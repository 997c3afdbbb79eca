using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench step</c>: what the reduction adds to a training step.</summary>
internal static class StepBenchVerb
{
    private const string Help =
        """
        Time training steps of rank processes on this machine, on synthetic samples, in four ways that take turns step by step: with the
        gradients on their way while the rest of them is computed (overlap) and afterwards (in turn); along the canonical tree (exact) and
        summed as each rank has them (fast). Exposed is what is left of the reduction when the computation is done, on the rank that is last.

        Examples:
          kaleido bench step
          kaleido bench step --preset kaleido-small --workers 3 --steps 20 --transport tcp --json
        """;

    private static readonly Option<string> Preset = new("--preset") { HelpName = "NAME", Description = $"The model: {string.Join(", ", ModelConfig.PresetNames)}.", DefaultValueFactory = _ => "kaleido-tiny" };
    private static readonly Option<int> Workers = new("--workers") { HelpName = "N", Description = "Ranks.", DefaultValueFactory = _ => 2 };
    private static readonly Option<int> Steps = new("--steps") { HelpName = "N", Description = "Steps of each way.", DefaultValueFactory = _ => 15 };
    private static readonly Option<int> VirtualRanks = new("--virtual-ranks") { HelpName = "N", Description = "Virtual ranks.", DefaultValueFactory = _ => 8 };
    private static readonly Option<int> Samples = new("--samples") { HelpName = "N", Description = "Samples of a virtual rank.", DefaultValueFactory = _ => 2 };
    private static readonly Option<CollectiveTransport> Transport = new("--transport") { HelpName = "NAME", Description = "auto, tcp or sharedmemory.", DefaultValueFactory = _ => CollectiveTransport.Auto };
    private static readonly Option<bool> Json = new("--json") { Description = "One JSON object." };

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("step", Help) { Preset, Workers, Steps, VirtualRanks, Samples, Transport, Json };
        return command.Does(context, (parsed, cancellation) => RunAsync(parsed, context, cancellation));
    }

    private static async Task<ExitCode> RunAsync(ParseResult parsed, CommandContext context, CancellationToken cancellation)
    {
        var (workers, steps, virtualRanks) = (parsed.GetRequiredValue(Workers), parsed.GetRequiredValue(Steps), parsed.GetRequiredValue(VirtualRanks));
        if (workers < 2 || workers > virtualRanks)
            throw KaleidoException.Usage($"--workers is {workers}; expected 2 to {virtualRanks}, the virtual ranks.");
        if (steps < 1)
            throw KaleidoException.Usage($"--steps is {steps}; expected at least 1.");
        var spec = SpecOf(parsed.GetRequiredValue(Preset), virtualRanks, parsed.GetRequiredValue(Samples));
        var figures = await new StepBench(spec, parsed.GetRequiredValue(Transport), new BenchSetting(), workers, steps).RunAsync(cancellation);
        if (parsed.GetValue(Json))
            await context.Output.WriteLineAsync(ToJson(spec, workers, figures));
        else
            Write(context.Console, spec, workers, figures);
        return ExitCode.Done;
    }

    /// <summary>A job that is never submitted: its steps are what is measured.</summary>
    private static JobSpec SpecOf(string preset, int virtualRanks, int samples)
    {
        var model = ModelConfig.Preset(preset)
            ?? throw KaleidoException.Usage($"--preset does not know '{preset}'; expected one of {string.Join(", ", ModelConfig.PresetNames)}.");
        return new JobSpec
        {
            Name = "bench", ModelPreset = preset, Model = model, Data = new DataSpec { Train = "" }, Checkpoint = new CheckpointSpec { Uri = "" },
            Training = new TrainingSpec { VirtualRanks = virtualRanks, GlobalBatchSize = virtualRanks * samples, MicroBatchSize = samples, Steps = 1 },
            Workers = new WorkersSpec { Device = DeviceKind.Cpu },
        };
    }

    private static void Write(IAnsiConsole console, JobSpec spec, int workers, IReadOnlyList<StepFigure> figures)
    {
        console.WriteLine($"{spec.ModelPreset}, {workers} ranks of 1 thread, {spec.Training.VirtualRanks} virtual ranks of {spec.Training.LeafSize} samples, {figures[0].StepSeconds.Count} steps of each way in turns; milliseconds, median (fastest to slowest)");
        var table = PlainTable.Create("way", "step", "computation", "exposed");
        foreach (var figure in figures)
            table.AddRow(figure.Way, Spread(figure.StepSeconds), Spread(figure.ComputeSeconds), Spread(figure.ExposedSeconds));
        console.Write(table);
        var (overlap, inTurn, fast) = (figures[0], figures[1], figures[2]);
        console.WriteLine($"Overlap: {Milliseconds(StepFigure.Median(inTurn.ExposedSeconds))} ms exposed become {Milliseconds(StepFigure.Median(overlap.ExposedSeconds))} ms; the step takes {Percent(overlap.SlowerThan(inTurn))}.");
        console.WriteLine($"Exact against fast, with overlap: the step takes {Percent(overlap.SlowerThan(fast))}; in turn: {Percent(inTurn.SlowerThan(figures[3]))}.");
    }

    private static string ToJson(JobSpec spec, int workers, IReadOnlyList<StepFigure> figures) => JsonSerializer.Serialize(new
    {
        preset = spec.ModelPreset, workers, virtual_ranks = spec.Training.VirtualRanks, samples = spec.Training.LeafSize,
        overlap_step_change = figures[0].SlowerThan(figures[1]), exact_step_change = figures[0].SlowerThan(figures[2]), exact_step_change_in_turn = figures[1].SlowerThan(figures[3]),
        ways = figures.Select(figure => new
        {
            way = figure.Way, step_seconds = figure.StepSeconds, compute_seconds = figure.ComputeSeconds, exposed_seconds = figure.ExposedSeconds,
            median_step_seconds = StepFigure.Median(figure.StepSeconds), median_exposed_seconds = StepFigure.Median(figure.ExposedSeconds),
        }),
    });

    private static string Spread(IReadOnlyList<double> seconds)
        => $"{Milliseconds(StepFigure.Median(seconds))} ({Milliseconds(seconds.Min())} to {Milliseconds(seconds.Max())})";

    private static string Milliseconds(double seconds) => (seconds * 1e3).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Percent(double change)
        => $"{Math.Abs(change * 100).ToString("0.0", CultureInfo.InvariantCulture)} % {(change < 0 ? "less" : "more")}";
}
