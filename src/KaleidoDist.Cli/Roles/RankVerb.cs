using System.CommandLine;
using KaleidoDist.Worker;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido rank</c>: the process that a worker agent starts for each rank. Not for people.</summary>
internal static class RankVerb
{
    /// <summary>Creates the command.</summary>
    internal static Command Create()
    {
        var command = new Command("rank", "Runs one rank; started by worker agents, which speak to it over standard input and output.") { Hidden = true };
        // The rank thread owns all tensors and must not be a pool thread: work on it never awaits.
        command.SetAction(_ =>
        {
            var exitCode = 0;
            var rankThread = new Thread(() => exitCode = RankHost.Run(TimeProvider.System), maxStackSize: 64 << 20) { Name = "rank" };
            rankThread.Start();
            rankThread.Join();
            return exitCode;
        });
        return command;
    }
}
