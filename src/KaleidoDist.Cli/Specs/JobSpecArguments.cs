using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>The arguments of every verb that takes a job specification: <c>JOB.yaml</c> and <c>--set path=value</c>.</summary>
internal sealed class JobSpecArguments
{
    private readonly Argument<string> file = new("JOB.yaml")
    {
        Description = "The job specification (YAML). Relative paths in it start from the current folder.",
    };

    private readonly Option<string[]> settings = new("--set")
    {
        HelpName = "path=value",
        Description = "Overrides one value of the specification, as --set training.steps=20. May be given several times; the last one wins.",
    };

    /// <summary>Adds both to a command.</summary>
    internal JobSpecArguments(Command command)
    {
        command.Arguments.Add(file);
        command.Options.Add(settings);
    }

    /// <summary>The specification's file as it was typed.</summary>
    internal string FileName(ParseResult arguments) => arguments.GetRequiredValue(file);

    /// <summary>Overrides in their order.</summary>
    internal IReadOnlyList<string> Settings(ParseResult arguments) => arguments.GetValue(settings) ?? [];

    /// <summary>Reads and validates the specification.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="more">Overrides that come from other options; applied last.</param>
    /// <exception cref="KaleidoException">It has errors: all of them, exit code 2.</exception>
    internal JobSpec Read(ParseResult arguments, params IEnumerable<string> more)
        => JobSpecReader.ReadFile(FileName(arguments), [.. Settings(arguments), .. more]).OrThrow();

    /// <summary>The specification as text with overrides applied, checked, ready to be submitted.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="more">Overrides that come from other options; applied last.</param>
    /// <exception cref="KaleidoException">It has errors: all of them, exit code 2.</exception>
    internal (JobSpec Spec, string Yaml) ReadText(ParseResult arguments, params IEnumerable<string> more)
    {
        string[] overrides = [.. Settings(arguments), .. more];
        var spec = JobSpecReader.ReadFile(FileName(arguments), overrides).OrThrow();
        return (spec, JobSpecReader.ApplyOverrides(File.ReadAllText(FileName(arguments)), overrides));
    }
}
