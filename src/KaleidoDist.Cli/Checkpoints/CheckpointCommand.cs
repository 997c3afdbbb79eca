using System.CommandLine;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint ...</c>: what a run folder holds, and what of it is kept. All of them work beside a running job.</summary>
public static class CheckpointCommand
{
    /// <summary>What RUN means.</summary>
    internal const string RunDescription = "Run folder (checkpoint.uri of the job), or its checkpoint.store.";

    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("checkpoint", "Lists, verifies, compares, exports, pins and prunes the checkpoints of a run.")
    {
        List(),
        Show(),
        Verify(),
        CheckpointDiffVerb.Create(),
        CheckpointExportVerb.Create(),
        CheckpointPinVerbs.Pin(),
        CheckpointPinVerbs.Unpin(),
        CheckpointPruneVerb.Create(),
    };

    private static Command List()
    {
        var run = new Argument<string>("RUN") { Description = RunDescription };
        var json = Json();
        var command = new Command("list", """
            Lists the checkpoints of a run, oldest first. Reads manifests only; 'verify' reads everything.

            Examples:
              kaleido checkpoint list runs/quickstart
              kaleido checkpoint list runs/quickstart --json
            """) { run, json };
        command.SetAction(parsed => Answer(parsed, parsed.GetRequiredValue(run), catalog =>
        {
            var report = new CheckpointListReport(parsed.GetRequiredValue(run), catalog.List(), catalog.Pinned());
            Write(parsed, json, report.ToJson, report.WriteTo);
            return ExitCode.Done;
        }));
        return command;
    }

    private static Command Show()
    {
        var run = new Argument<string>("RUN") { Description = RunDescription };
        var seq = Seq("Sequence number; the newest unless given.");
        var json = Json();
        var command = new Command("show", """
            Shows one checkpoint: where training stood, the hash of the weights, and its files.

            Examples:
              kaleido checkpoint show runs/quickstart
              kaleido checkpoint show runs/quickstart --seq 17 --json
            """) { run, seq, json };
        command.SetAction(parsed => Answer(parsed, parsed.GetRequiredValue(run), catalog =>
        {
            var report = new CheckpointShowReport(catalog.Read(parsed.GetValue(seq) ?? catalog.List()[^1].Seq));
            Write(parsed, json, report.ToJson, report.WriteTo);
            return ExitCode.Done;
        }));
        return command;
    }

    private static Command Verify()
    {
        var run = new Argument<string>("RUN") { Description = RunDescription };
        var seq = Seq("Sequence number; all unless given.");
        var json = Json();
        var command = new Command("verify", """
            Reads every byte of the checkpoints and compares it with what was committed. Exits with 1 when something is damaged.

            Examples:
              kaleido checkpoint verify runs/quickstart
              kaleido checkpoint verify runs/quickstart --seq 17
            """) { run, seq, json };
        command.SetAction(parsed => Answer(parsed, parsed.GetRequiredValue(run), catalog =>
        {
            var only = parsed.GetValue(seq);
            long[] numbers = [.. catalog.List().Select(l => l.Seq).Where(n => only is null || n == only)];
            if (only is { } absent && numbers.Length == 0)
                catalog.Read(absent); // Throws the error that says so.
            var report = new CheckpointVerifyReport(parsed.GetRequiredValue(run), [.. numbers.Select(catalog.Verify)]);
            Write(parsed, json, report.ToJson, report.WriteTo);
            return report.Failure is { } failure ? throw new KaleidoException(failure) : ExitCode.Done;
        }));
        return command;
    }

    /// <summary>The option <c>--seq N</c>.</summary>
    internal static Option<long?> Seq(string description) => new("--seq") { Description = description, HelpName = "N" };

    /// <summary>The option <c>--json</c>.</summary>
    internal static Option<bool> Json() => new("--json") { Description = "Prints JSON, for programs." };

    /// <summary>Runs a subcommand on a run that has checkpoints; an error is one line on standard error and its exit code.</summary>
    internal static int Answer(ParseResult parsed, string run, Func<CheckpointCatalog, ExitCode> answer) => Answer(parsed, () =>
    {
        var catalog = new CheckpointCatalog(run, TimeProvider.System);
        if (catalog.List().Count == 0)
        {
            throw new KaleidoException(
                $"No checkpoints in '{CheckpointStores.Absolute(run)}': expected manifests in its folder 'log'. "
                + "Name the run folder (checkpoint.uri) of a job that has saved one.");
        }

        return answer(catalog);
    });

    /// <summary>Runs a subcommand; an error is one line on standard error and its exit code.</summary>
    internal static int Answer(ParseResult parsed, Func<ExitCode> answer)
    {
        try
        {
            return (int)answer();
        }
        catch (KaleidoException error)
        {
            parsed.InvocationConfiguration.Error.WriteLine(error.Message);
            return (int)error.ExitCode;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            parsed.InvocationConfiguration.Error.WriteLine($"The files cannot be read or written: {error.Message}");
            return (int)ExitCode.Failed;
        }
    }

    /// <summary>Writes a report for programs or for people.</summary>
    internal static void Write(ParseResult parsed, Option<bool> json, Func<string> toJson, Action<TextWriter> writeText)
    {
        var output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(json))
            output.WriteLine(toJson());
        else
            writeText(output);
    }

    /// <summary>A checkpoint by its name.</summary>
    /// <exception cref="KaleidoException">There is none such, or none at all.</exception>
    internal static CheckpointManifest Find(CheckpointReference reference)
    {
        var catalog = new CheckpointCatalog(reference.Run, TimeProvider.System);
        return reference.Seq is { } seq
            ? catalog.Read(seq)
            : catalog.List().LastOrDefault(l => l.Manifest is not null)?.Manifest
                ?? throw new KaleidoException($"No checkpoints in '{CheckpointStores.Absolute(reference.Run)}': expected manifests in its folder 'log'. Name the run folder (checkpoint.uri) of a job that has saved one.");
    }
}
