using System.CommandLine;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>The options that say which checkpoint a job begins with: <c>--resume SEQ</c> and <c>--fork-from RUN[@SEQ]</c>.</summary>
internal sealed class StartArguments
{
    private readonly Option<long?> resume = new("--resume")
    {
        HelpName = "SEQ",
        Description = "Go on from this checkpoint of the run folder instead of the newest; later ones are superseded. Give it once: the command without it goes on from there.",
    };

    private readonly Option<string?> forkFrom = new("--fork-from")
    {
        HelpName = "RUN[@SEQ]",
        Description = "Begin a new run with a checkpoint of another one, its newest unless @SEQ is given. Seed, data and batch must be the same.",
    };

    /// <summary>Adds both to a command.</summary>
    internal StartArguments(Command command)
    {
        command.Options.Add(resume);
        command.Options.Add(forkFrom);
    }

    /// <summary>Forks if that is asked for.</summary>
    /// <returns>The checkpoint to go on from; 0 for the newest.</returns>
    /// <exception cref="KaleidoException">There is no such checkpoint, or the options contradict each other.</exception>
    internal long Apply(ParseResult arguments, CommandContext context, JobSpec job)
    {
        var seq = arguments.GetValue(resume);
        if (arguments.GetValue(forkFrom) is { } source)
        {
            if (seq is not null)
                throw KaleidoException.Usage("--resume and --fork-from are both given; expected one of them. --fork-from RUN@SEQ names the checkpoint of the other run.");
            Fork(CheckpointReference.Parse(source), context, job);
        }

        if (seq is <= 0)
            throw KaleidoException.Usage($"--resume is {seq}; expected the number of a checkpoint, as 'kaleido checkpoint list {job.Checkpoint.Root}' shows it.");
        if (seq is { } wanted)
            new CheckpointCatalog(job.Checkpoint.Root, context.Time).Read(wanted);
        return seq ?? 0;
    }

    private static void Fork(CheckpointReference source, CommandContext context, JobSpec job)
    {
        try
        {
            var first = new RunFork(job.Checkpoint.Root, context.Time).Create(source, $"kaleido/{Environment.ProcessId}");
            if (first is { ForkedFrom: { } origin })
                context.Error.WriteLine($"Forked from checkpoint {origin.Seq} of '{source.Run}': step {first.Step}.");
        }
        catch (IOException error)
        {
            throw new KaleidoException($"'{job.Checkpoint.Root}' cannot be forked from '{source.Run}': {error.Message} Mend the folder and run the same command again.", inner: error);
        }
    }
}
