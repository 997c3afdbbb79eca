using System.CommandLine;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench</c>: how fast the parts are on this machine, beside others where there are any.</summary>
internal static class BenchCommand
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
        => new("bench", "Measure this machine: numbers, with a peer where there is one.")
        {
            AllReduceBenchVerb.Create(context),
            CheckpointBenchVerb.Create(context),
            DataBenchVerb.Create(context),
            ReformBenchVerb.Create(context),
            StepBenchVerb.Create(context),
            BenchRankVerb.Create(),
            StepRankVerb.Create(),
        };
}
