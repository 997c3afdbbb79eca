using System.CommandLine;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint pin|unpin RUN SEQ</c>.</summary>
internal static class CheckpointPinVerbs
{
    /// <summary>Builds <c>pin</c>.</summary>
    internal static Command Pin() => Create(
        "pin",
        """
        Keeps a checkpoint until it is unpinned, whatever checkpoint.keep says. Works beside a running job.

        Examples:
          kaleido checkpoint pin runs/quickstart 17
        """,
        (catalog, seq) => catalog.Pin(seq) ? $"checkpoint {seq} is pinned" : $"checkpoint {seq} was pinned already");

    /// <summary>Builds <c>unpin</c>.</summary>
    internal static Command Unpin() => Create(
        "unpin",
        """
        Lets checkpoint.keep decide about a checkpoint again.

        Examples:
          kaleido checkpoint unpin runs/quickstart 17
        """,
        (catalog, seq) => catalog.Unpin(seq) ? $"checkpoint {seq} is not pinned any more" : $"checkpoint {seq} was not pinned");

    private static Command Create(string name, string description, Func<CheckpointCatalog, long, string> act)
    {
        var run = new Argument<string>("RUN") { Description = CheckpointCommand.RunDescription };
        var seq = new Argument<long>("SEQ") { Description = "Sequence number, as 'kaleido checkpoint list' shows it." };
        var command = new Command(name, description) { run, seq };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, parsed.GetRequiredValue(run), catalog =>
        {
            parsed.InvocationConfiguration.Output.WriteLine(act(catalog, parsed.GetValue(seq)));
            return ExitCode.Done;
        }));
        return command;
    }
}
