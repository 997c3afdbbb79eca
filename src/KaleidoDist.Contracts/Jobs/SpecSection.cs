using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace KaleidoDist.Contracts;

/// <summary>
/// One mapping of a YAML specification while it is read: hands out typed values by key, and collects every error with its line.
/// Keys nobody asked for are errors with a suggestion (<see cref="Finish"/>).
/// </summary>
internal sealed partial class SpecSection
{
    /// <summary>The longest time a specification can name: longer ones are typing errors, and would overflow.</summary>
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(365);

    private readonly SpecDocument document;
    private readonly YamlMappingNode? node;
    private readonly string path;
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    /// <summary>Opens the outermost mapping of a document.</summary>
    internal SpecSection(SpecDocument document)
        : this(document, document.Root, "")
    {
    }

    private SpecSection(SpecDocument document, YamlMappingNode? node, string path)
        => (this.document, this.node, this.path) = (document, node, path);

    /// <summary>Number of errors found so far in the whole document: unchanged means that what was read since is sound.</summary>
    internal int ErrorCount => document.ErrorCount;

    /// <summary>The nested mapping under a key; an empty one when the key is absent.</summary>
    internal SpecSection Section(string key)
    {
        var value = Find(key);
        if (value is not (null or YamlMappingNode))
            document.Error(value, $"'{Full(key)}' is {Describe(value)}; expected a mapping of keys");
        return new SpecSection(document, value as YamlMappingNode, Full(key));
    }

    /// <summary>Whether the key is present.</summary>
    internal bool Has(string key) => Find(key) is not null;

    /// <summary>Text, or <paramref name="fallback"/>; a missing required key is an error.</summary>
    internal string Text(string key, string? fallback = null)
    {
        if (Scalar(key, fallback is null) is { } text)
            return text;
        return fallback ?? "";
    }

    /// <summary>A path of this machine's file system, made absolute; "" when a required one is missing or an optional one absent.</summary>
    internal string FilePath(string key, string baseDirectory, bool required = true)
    {
        var text = Text(key, required ? null : "");
        if (text.Length == 0)
            return "";
        if (!text.Contains('\0', StringComparison.Ordinal) && !text.Contains("://", StringComparison.Ordinal))
            return Path.GetFullPath(text, baseDirectory);
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a path of the file system, as runs/my-job");
        return "";
    }

    /// <summary>A place in an object store as it is, or a path as <see cref="FilePath"/>.</summary>
    internal string StorePath(string key, string baseDirectory)
    {
        var text = Text(key);
        if (!text.Contains("://", StringComparison.Ordinal))
            return FilePath(key, baseDirectory);
        if (ObjectStorePattern().IsMatch(text))
            return text.TrimEnd('/');
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected s3://BUCKET/PREFIX of letters, digits and !_.*'()-, or a path of the file system");
        return "";
    }

    /// <summary>One of a set of names.</summary>
    internal string Choice(string key, string fallback, params string[] allowed)
    {
        var text = Text(key, fallback);
        if (allowed.Contains(text, StringComparer.Ordinal))
            return text;
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected {string.Join(", ", allowed)}{SpecText.Suggestion(text, allowed)}");
        return fallback;
    }

    /// <summary>A whole number within bounds.</summary>
    internal long Integer(string key, long fallback, long minimum, long maximum = long.MaxValue)
    {
        if (Scalar(key) is not { } text)
            return fallback;
        if (long.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum)
            return value;
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a whole number {Range(minimum, maximum, long.MaxValue)}");
        return fallback;
    }

    /// <summary>A number within bounds.</summary>
    internal double Number(string key, double fallback, double minimum, double maximum = double.MaxValue)
    {
        if (Scalar(key) is not { } text)
            return fallback;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum)
            return value;
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a number {Range(minimum, maximum, double.MaxValue)}");
        return fallback;
    }

    /// <summary>A list of two numbers, each within bounds.</summary>
    internal (double First, double Second) Pair(string key, double first, double second, double minimum, double maximum)
    {
        var value = Find(key);
        if (value is null)
            return (first, second);
        if (value is YamlSequenceNode { Children: [YamlScalarNode a, YamlScalarNode b] }
            && double.TryParse(a.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var x)
            && double.TryParse(b.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var y)
            && x >= minimum && x <= maximum && y >= minimum && y <= maximum)
            return (x, y);
        document.Error(value, $"'{Full(key)}' is {Describe(value)}; expected two numbers {Range(minimum, maximum, double.MaxValue)}, as [{first.ToString(CultureInfo.InvariantCulture)}, {second.ToString(CultureInfo.InvariantCulture)}]");
        return (first, second);
    }

    /// <summary>A number of steps, a time with a unit (ms, s, m, h), or neither for <c>auto</c>.</summary>
    internal (int? Steps, TimeSpan? Time) StepsTimeOrAuto(string key, TimeSpan fallback)
    {
        if (Scalar(key) is not { } text)
            return (null, fallback);
        if (text == "auto")
            return (null, null);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0)
            return (steps, null);
        if (ParseTime(text) is { } time)
            return (null, time);
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto");
        return (null, fallback);
    }

    /// <summary>A time with a unit (ms, s, m, h); null when absent or <c>auto</c>.</summary>
    internal TimeSpan? Time(string key)
    {
        if (Scalar(key) is not { } text || text == "auto")
            return null;
        if (ParseTime(text) is { } time)
            return time;
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a time (30s, 5m, 1.5h) or auto");
        return null;
    }

    /// <summary>A time with a unit (ms, s, m, h), or null for <c>off</c>.</summary>
    internal TimeSpan? TimeOrOff(string key, TimeSpan fallback)
    {
        if (Scalar(key) is not { } text)
            return fallback;
        if (text == "off")
            return null;
        if (ParseTime(text) is { } time)
            return time;
        Error(key, $"'{Full(key)}' is '{SpecText.OneLine(text)}'; expected a time (30s, 5m, 1.5h) or off");
        return fallback;
    }

    /// <summary>Reports an error at a key's line; at the section's when the key is absent.</summary>
    internal void Error(string key, string message) => document.Error(Find(key) ?? node, message);

    /// <summary>Reports every key that was never asked for.</summary>
    internal void Finish()
    {
        foreach (var (keyNode, _) in node?.Children ?? new Dictionary<YamlNode, YamlNode>().AsEnumerable())
        {
            var key = (keyNode as YamlScalarNode)?.Value ?? "";
            if (!known.Contains(key))
                document.Error(keyNode, $"unknown key '{Full(SpecText.OneLine(key))}'{SpecText.Suggestion(key, known)}");
        }
    }

    private YamlNode? Find(string key)
    {
        known.Add(key);
        return node is not null && node.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;
    }

    private string? Scalar(string key, bool required = false)
    {
        var value = Find(key);
        switch (value)
        {
            case YamlScalarNode { Value: { Length: > 0 } text }:
                return text;
            case null when required:
                document.Error(node, $"'{Full(key)}' is missing");
                return null;
            case null:
                return null;
            default:
                document.Error(value, $"'{Full(key)}' is {Describe(value)}; expected a value");
                return null;
        }
    }

    private string Full(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static string Describe(YamlNode node) => node switch
    {
        YamlMappingNode => "a mapping",
        YamlSequenceNode => "a list",
        YamlScalarNode { Value: { Length: > 0 } value } => $"'{SpecText.OneLine(value)}'",
        _ => "empty",
    };

    private static string Range<T>(T minimum, T maximum, T unbounded)
        where T : IComparable<T>, IFormattable
    {
        string Show(T value) => value.ToString(null, CultureInfo.InvariantCulture);
        return maximum.CompareTo(unbounded) == 0 ? $"of at least {Show(minimum)}" : $"from {Show(minimum)} to {Show(maximum)}";
    }

    private static TimeSpan? ParseTime(string text)
    {
        if (DurationPattern().Match(text) is not { Success: true } match)
            return null;
        var unit = match.Groups[2].Value switch
        {
            "ms" => TimeSpan.FromMilliseconds(1),
            "s" => TimeSpan.FromSeconds(1),
            "m" => TimeSpan.FromMinutes(1),
            _ => TimeSpan.FromHours(1),
        };
        var amount = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return amount > 0 && amount <= LongestTime / unit ? amount * unit : null;
    }

    /// <summary>Bucket and at least one part of a prefix, of the characters that are safe in keys; no part is "." or "..".</summary>
    [GeneratedRegex(@"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\.{1,2}(/|\z))[A-Za-z0-9!_.*'()-]+)+/?\z")]
    private static partial Regex ObjectStorePattern();

    [GeneratedRegex(@"^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)\z")]
    private static partial Regex DurationPattern();
}
