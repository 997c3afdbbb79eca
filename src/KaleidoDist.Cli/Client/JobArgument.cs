using System.CommandLine;

namespace KaleidoDist.Cli;

/// <summary>The <c>JOB</c> of the verbs that take one.</summary>
internal static class JobArgument
{
    /// <summary>A fresh argument.</summary>
    internal static Argument<string> Create() => new("JOB") { Description = "The job: its id, the beginning of its id, or its name." };
}
