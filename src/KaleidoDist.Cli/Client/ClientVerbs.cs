using System.CommandLine;

namespace KaleidoDist.Cli;

/// <summary>The verbs of a cluster's users. They speak the public gRPC interface and nothing else.</summary>
internal static class ClientVerbs
{
    /// <summary>All of them, in the order of <c>kaleido --help</c>.</summary>
    internal static IEnumerable<Command> Create(CommandContext context) =>
    [
        SubmitVerb.Create(context),
        JobsVerb.Create(context),
        StatusVerb.Create(context),
        LogsVerb.Create(context),
        StopVerbs.CreateStop(context),
        StopVerbs.CreateCancel(context),
        WorkersVerb.Create(context),
        DrainVerb.Create(context),
    ];
}
