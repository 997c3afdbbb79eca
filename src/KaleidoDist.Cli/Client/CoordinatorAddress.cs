using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Where the coordinator is: <c>--coordinator</c>, else KALEIDO_COORDINATOR, else this machine's default port.</summary>
internal static class CoordinatorAddress
{
    /// <summary>Where <c>kaleido coordinator</c> listens when it is told nothing else.</summary>
    internal const string Default = "http://127.0.0.1:7420";

    /// <summary>The environment variable that names the coordinator.</summary>
    internal const string VariableName = "KALEIDO_COORDINATOR";

    /// <summary>A fresh <c>--coordinator URL</c> option.</summary>
    internal static Option<string?> CreateOption() => new("--coordinator")
    {
        HelpName = "URL",
        Description = $"The coordinator's address. Default: environment variable {VariableName}, else {Default}.",
    };

    /// <summary>The address that the option, the environment or the default gives.</summary>
    /// <exception cref="KaleidoException">It is not an http or https URL.</exception>
    internal static Uri Resolve(string? option, Func<string, string?> variable)
    {
        var (text, origin) = option is { Length: > 0 } ? (option, "--coordinator")
            : variable(VariableName) is { Length: > 0 } value ? (value, VariableName)
            : (Default, "");
        if (Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
            return address;
        throw KaleidoException.Usage($"{origin} is '{SpecText.OneLine(text)}'; expected a URL, as {Default}.");
    }
}
