using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace KaleidoDist.Contracts;

/// <summary>
/// The YAML text of a specification as a tree, with overrides applied, and the errors found so far. Remembers where each node came
/// from, so that an error names a line of the file or the override that caused it. Text from users is hostile until it is here:
/// size, depth and references are bounded before a tree is built.
/// </summary>
internal sealed class SpecDocument
{
    /// <summary>Deepest nesting that is read: a specification has four levels, and the tree is built by recursion.</summary>
    private const int MaxDepth = 16;

    /// <summary>Keys of which a specification has one: setting the first on the command line removes the other from the file.</summary>
    private static readonly Dictionary<string, string> Alternatives = new(StringComparer.Ordinal)
    {
        ["training.steps"] = "epochs",
        ["training.epochs"] = "steps",
    };

    private readonly string source;
    private readonly List<string> errors;
    private readonly Dictionary<YamlNode, string> overrides = new(ReferenceEqualityComparer.Instance);

    private SpecDocument(YamlMappingNode root, string source, List<string> errors)
        => (Root, this.source, this.errors) = (root, source, errors);

    /// <summary>The outermost mapping.</summary>
    internal YamlMappingNode Root { get; }

    /// <summary>Number of errors so far.</summary>
    internal int ErrorCount => errors.Count;

    /// <summary>Parses a text; null, with an error added, when it is not one YAML mapping within bounds.</summary>
    internal static SpecDocument? Parse(string yaml, string source, List<string> errors)
    {
        if (yaml.Length > JobSpecReader.MaxBytes)
        {
            errors.Add($"{source}: {yaml.Length:N0} characters; a job specification has at most {JobSpecReader.MaxBytes:N0} bytes");
            return null;
        }

        try
        {
            if (FindUnreadable(yaml) is { } problem)
            {
                errors.Add($"{source}:{problem}");
                return null;
            }

            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            if (stream.Documents is [{ RootNode: YamlMappingNode root }])
                return new SpecDocument(root, source, errors);
            errors.Add($"{source}: expected one YAML document that is a mapping of keys, as 'name: my-job'");
        }
        catch (YamlException error)
        {
            errors.Add(error.Message.Contains("uplicate", StringComparison.Ordinal)
                ? $"{source}:{error.Start.Line}: a key is given twice; expected it once"
                : $"{source}:{error.End.Line}: not YAML: {SpecText.OneLine(error.Message)}");
        }

        return null;
    }

    /// <summary>Applies <c>path.to.key=value</c>; the value is YAML (a number, a word, a [list]).</summary>
    internal void Set(string setting)
    {
        var equals = setting.IndexOf('=', StringComparison.Ordinal);
        var keys = equals < 0 ? [] : setting[..equals].Split('.');
        if (keys.Length == 0 || keys.Any(string.IsNullOrWhiteSpace))
        {
            errors.Add($"--set {SpecText.OneLine(setting)}: expected path=value, as training.steps=20");
            return;
        }

        var text = setting[(equals + 1)..];
        if (text.AsSpan().ContainsAny('\r', '\n'))
        {
            errors.Add($"--set {SpecText.OneLine(setting)}: the value has several lines; expected one");
            return;
        }

        if (Parse($"value: {text}", $"--set {SpecText.OneLine(setting)}", errors)?.Root is not { } parsed)
            return;
        var value = parsed.Children[new YamlScalarNode("value")];
        if (Descend(keys, setting) is not { } at)
            return;
        if (Alternatives.TryGetValue(setting[..equals], out var replaced))
            at.Children.Remove(new YamlScalarNode(replaced));
        var name = new YamlScalarNode(keys[^1]);
        at.Children.Remove(name);
        at.Children.Add(name, value);
        overrides[name] = overrides[value] = setting;
    }

    /// <summary>The tree as YAML text.</summary>
    internal string ToYaml()
    {
        using var writer = new StringWriter();
        new YamlStream(new YamlDocument(Root)).Save(writer, assignAnchors: false);
        return writer.ToString();
    }

    /// <summary>Adds an error at a node's place.</summary>
    internal void Error(YamlNode? at, string message)
    {
        if (at is not null && overrides.TryGetValue(at, out var setting))
            errors.Add($"--set {SpecText.OneLine(setting)}: {message}");
        else
            errors.Add(at is { Start.Line: > 0 } ? $"{source}:{at.Start.Line}: {message}" : $"{source}: {message}");
    }

    /// <summary>The mapping that holds the last key, made where it is missing; null, with an error, where a value stands in the way.</summary>
    private YamlMappingNode? Descend(string[] keys, string setting)
    {
        var at = Root;
        for (var depth = 0; depth < keys.Length - 1; depth++)
        {
            var name = new YamlScalarNode(keys[depth]);
            if (!at.Children.TryGetValue(name, out var next) || next is YamlScalarNode { Value: null or "" })
            {
                next = new YamlMappingNode();
                at.Children[name] = next;
                overrides[name] = overrides[next] = setting;
            }

            if (next is not YamlMappingNode mapping)
            {
                errors.Add($"--set {SpecText.OneLine(setting)}: '{string.Join('.', keys[..(depth + 1)])}' is a value in {source}; expected a mapping of keys");
                return null;
            }

            at = mapping;
        }

        return at;
    }

    /// <summary>The first thing a specification must not contain, as <c>line: what</c>; checked on events, before any recursion.</summary>
    private static string? FindUnreadable(string yaml)
    {
        var parser = new Parser(new StringReader(yaml));
        var depth = 0;
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case AnchorAlias or NodeEvent { Anchor.IsEmpty: false }:
                    return $"{parser.Current.Start.Line}: anchors and aliases (&, *) are not read; expected plain values";
                case MappingStart or SequenceStart when ++depth > MaxDepth:
                    return $"{parser.Current.Start.Line}: nested more than {MaxDepth} deep; a job specification has four levels";
                case MappingEnd or SequenceEnd:
                    depth--;
                    break;
            }
        }

        return null;
    }
}
