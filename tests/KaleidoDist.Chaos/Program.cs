using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using KaleidoDist.Chaos;
using KaleidoDist.TestKit;

var minutes = new Option<double>("--minutes") { Description = "About how long the calm and the disturbed run may take together.", DefaultValueFactory = _ => 3 };
var seed = new Option<int>("--seed") { Description = "Seed of all chance: the same seed draws the same faults.", DefaultValueFactory = _ => 1 };
var workers = new Option<int>("--workers") { Description = "Workers that are kept running, 3 to 6.", DefaultValueFactory = _ => 4 };
var kinds = new Option<string>("--kinds") { Description = $"Faults to inject, separated by commas: {string.Join(", ", Enum.GetValues<FaultKind>().Select(kind => kind.Name()))}. Default: all.", DefaultValueFactory = _ => "" };
var steps = new Option<long>("--steps") { Description = "Steps of the job. Default: what --minutes allow on two cores.", DefaultValueFactory = _ => 0 };
var pauses = new Option<string>("--pauses") { HelpName = "A-B", Description = "Shortest and longest time between two faults, seconds.", DefaultValueFactory = _ => "2-10" };
var keep = new Option<string>("--keep") { Description = "Folder for the logs of a failed run.", DefaultValueFactory = _ => "" };
var command = new RootCommand("Trains a small job twice, once undisturbed and once under a seeded nemesis, and proves that nothing was lost.") { minutes, seed, workers, kinds, steps, pauses, keep };
command.SetAction(async (arguments, _) =>
{
    using var stop = new CancellationTokenSource();
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
    var names = arguments.GetValue(kinds)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    if (names.FirstOrDefault(name => FaultKinds.Parse(name) is null) is { } unknown)
    {
        await Console.Error.WriteLineAsync($"'{unknown}' is no kind of fault; expected some of {string.Join(", ", Enum.GetValues<FaultKind>().Select(kind => kind.Name()))}.");
        return 2;
    }

    if (arguments.GetValue(pauses)!.Split('-') is not [var shortest, var longest] || !double.TryParse(shortest, CultureInfo.InvariantCulture, out var least) || !double.TryParse(longest, CultureInfo.InvariantCulture, out var most) || least > most)
    {
        await Console.Error.WriteLineAsync($"--pauses is '{arguments.GetValue(pauses)}'; expected two times in seconds, as in 2-10.");
        return 2;
    }

    var options = new ChaosOptions
    {
        Minutes = arguments.GetValue(minutes), Seed = arguments.GetValue(seed), Workers = Math.Clamp(arguments.GetValue(workers), 3, 6), Steps = arguments.GetValue(steps), Pauses = (least, most),
        KeepFolder = arguments.GetValue(keep) is { Length: > 0 } folder ? folder : Repository.PathOf("artifacts", "chaos", $"seed-{arguments.GetValue(seed)}"),
    };
    if (names.Length > 0)
        options = options with { Kinds = [.. names.Select(name => FaultKinds.Parse(name)!.Value)] };
    try
    {
        var verdict = await new ChaosRun(options, TimeProvider.System, Say).RunAsync(stop.Token);
        foreach (var line in ChaosReport.Lines(verdict))
            Console.WriteLine(line);
        return verdict.Passed ? 0 : 1;
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        await Console.Error.WriteLineAsync("Interrupted; everything that was started is ended.");
        return 130;
    }

    void Cancel(PosixSignalContext context)
    {
        context.Cancel = true;
        stop.Cancel();
    }
});
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static void Say(string line) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}"));
