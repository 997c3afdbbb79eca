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
    private readonly YamlMappingNode? node;
    private readonly string path;
    private readonly string source;
    private readonly List<string> errors;
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    /// <summary>Opens the mapping at <paramref name="path"/> ("" for the document).</summary>
    internal SpecSection(YamlMappingNode? node, string path, string source, List<string> errors)
        => (this.node, this.path, this.source, this.errors) = (node, path, source, errors);

    /// <summary>The nested mapping under a key; an empty one when the key is absent.</summary>
    internal SpecSection Section(string key)
    {
        var value = Find(key);
        if (value is not (null or YamlMappingNode))
            Error(value, $"'{Full(key)}' is {Describe(value)}; expected a mapping of keys");
        return new SpecSection(value as YamlMappingNode, Full(key), source, errors);
    }

    /// <summary>Whether the key is present.</summary>
    internal bool Has(string key) => Find(key) is not null;

    /// <summary>Whether the value under a key is a mapping.</summary>
    internal bool IsMapping(string key) => Find(key) is YamlMappingNode;

    /// <summary>Text, or <paramref name="fallback"/>; a missing required key is an error.</summary>
    internal string Text(string key, string? fallback = null)
    {
        if (Scalar(key, fallback is null) is { } text)
            return text;
        return fallback ?? "";
    }

    /// <summary>One of a set of names.</summary>
    internal string Choice(string key, string fallback, params string[] allowed)
    {
        var text = Text(key, fallback);
        if (allowed.Contains(text, StringComparer.Ordinal))
            return text;
        Error(Find(key), $"'{Full(key)}' is '{text}'; expected {string.Join(", ", allowed)}{Suggestion(text, allowed)}");
        return fallback;
    }

    /// <summary>A whole number within bounds.</summary>
    internal long Integer(string key, long fallback, long minimum, long maximum = long.MaxValue)
    {
        if (Scalar(key) is not { } text)
            return fallback;
        if (long.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum)
            return value;
        Error(Find(key), $"'{Full(key)}' is '{text}'; expected a whole number {Range(minimum, maximum, long.MaxValue)}");
        return fallback;
    }

    /// <summary>A number within bounds.</summary>
    internal double Number(string key, double fallback, double minimum, double maximum = double.MaxValue)
    {
        if (Scalar(key) is not { } text)
            return fallback;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum)
            return value;
        Error(Find(key), $"'{Full(key)}' is '{text}'; expected a number {Range(minimum, maximum, double.MaxValue)}");
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
        Error(value, $"'{Full(key)}' is {Describe(value)}; expected two numbers {Range(minimum, maximum, double.MaxValue)}, as [{first.ToString(CultureInfo.InvariantCulture)}, {second.ToString(CultureInfo.InvariantCulture)}]");
        return (first, second);
    }

    /// <summary>Either a number of steps or a time with a unit (ms, s, m, h).</summary>
    internal (int? Steps, TimeSpan? Time) StepsOrTime(string key, TimeSpan fallback)
    {
        if (Scalar(key) is not { } text)
            return (null, fallback);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0)
            return (steps, null);
        if (DurationPattern().Match(text) is { Success: true } match)
        {
            var amount = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
            var time = match.Groups[2].Value switch
            {
                "ms" => TimeSpan.FromMilliseconds(amount),
                "s" => TimeSpan.FromSeconds(amount),
                "m" => TimeSpan.FromMinutes(amount),
                _ => TimeSpan.FromHours(amount),
            };
            if (time > TimeSpan.Zero)
                return (null, time);
        }

        Error(Find(key), $"'{Full(key)}' is '{text}'; expected a number of steps (100) or a time (30s, 5m, 1.5h)");
        return (null, fallback);
    }

    /// <summary>Reports an error at a key's line.</summary>
    internal void Error(string key, string message) => Error(Find(key), message);

    /// <summary>Reports every key that was never asked for.</summary>
    internal void Finish()
    {
        foreach (var (keyNode, _) in node?.Children ?? new Dictionary<YamlNode, YamlNode>().AsEnumerable())
        {
            var key = (keyNode as YamlScalarNode)?.Value ?? "";
            if (!known.Contains(key))
                Error(keyNode, $"unknown key '{Full(key)}'{Suggestion(key, known)}");
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
                Error((YamlNode?)node, $"'{Full(key)}' is missing");
                return null;
            case null:
                return null;
            default:
                Error(value, $"'{Full(key)}' is {Describe(value)}; expected a value");
                return null;
        }
    }

    private void Error(YamlNode? at, string message)
    {
        var line = at?.Start.Line ?? 0;
        errors.Add(line > 0 ? $"{source}:{line}: {message}" : $"{source}: {message}");
    }

    private string Full(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static string Describe(YamlNode node) => node switch
    {
        YamlMappingNode => "a mapping",
        YamlSequenceNode => "a list",
        YamlScalarNode { Value: { Length: > 0 } value } => $"'{value}'",
        _ => "empty",
    };

    private static string Range<T>(T minimum, T maximum, T unbounded)
        where T : IComparable<T>, IFormattable
    {
        string Show(T value) => value.ToString(null, CultureInfo.InvariantCulture);
        return maximum.CompareTo(unbounded) == 0 ? $"of at least {Show(minimum)}" : $"from {Show(minimum)} to {Show(maximum)}";
    }

    private static string Suggestion(string word, IEnumerable<string> candidates)
    {
        var best = candidates.Select(c => (Word: c, Distance: EditDistance(word, c))).OrderBy(c => c.Distance).ThenBy(c => c.Word, StringComparer.Ordinal).FirstOrDefault();
        return best.Word is not null && best.Distance <= Math.Max(2, word.Length / 3) ? $"; did you mean '{best.Word}'?" : "";
    }

    private static int EditDistance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }

    [GeneratedRegex(@"^(\d+(?:\.\d+)?)(ms|s|m|h)$")]
    private static partial Regex DurationPattern();
}
