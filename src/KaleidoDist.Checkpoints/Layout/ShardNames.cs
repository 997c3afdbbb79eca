using System.Globalization;
using System.Text.RegularExpressions;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Names of a checkpoint's files, <c>part-00001-of-00002.extension</c>, and when a set of them is whole. The set counts, not the number: two
/// reports of one shard do not make up for a missing one.
/// </summary>
public static partial class ShardNames
{
    /// <summary>Weights, under their PyTorch names.</summary>
    public const string Model = "model";

    /// <summary>Optimizer moments: <see cref="FirstMoment"/> and <see cref="SecondMoment"/> of each weight.</summary>
    public const string Optimizer = "optim";

    /// <summary>What else a resume needs.</summary>
    public const string State = "state";

    /// <summary>Prefix of first-moment tensors (Adam's m) in the optimizer file.</summary>
    public const string FirstMoment = "exp_avg/";

    /// <summary>Prefix of second-moment tensors (Adam's v) in the optimizer file.</summary>
    public const string SecondMoment = "exp_avg_sq/";

    private static readonly string[] Required = [Model, Optimizer, State];

    /// <summary>Name of a tensor file.</summary>
    public static string Tensors(string part, int index = 1, int count = 1)
        => string.Create(CultureInfo.InvariantCulture, $"{part}-{index:D5}-of-{count:D5}.safetensors");

    /// <summary>Name of a JSON file.</summary>
    public static string Json(string part, int index = 1, int count = 1)
        => string.Create(CultureInfo.InvariantCulture, $"{part}-{index:D5}-of-{count:D5}.json");

    /// <summary>The part a name belongs to; null for a name of another form.</summary>
    public static string? PartOf(string name) => Pattern().Match(name) is { Success: true } match ? match.Groups["part"].Value : null;

    /// <summary>What a set of names lacks to be a checkpoint, as a clause; null when it is whole.</summary>
    public static string? WhatIsMissing(IEnumerable<string> names)
    {
        var shards = new Dictionary<string, (int Count, HashSet<int> Indices)>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (Pattern().Match(name) is not { Success: true } match)
                return $"'{name}' is not a checkpoint's file";
            var (part, index, count) = (match.Groups["part"].Value, Number(match, "index"), Number(match, "count"));
            if (!shards.TryGetValue(part, out var known))
                shards.Add(part, known = (count, []));
            if (known.Count != count || index < 1 || index > count || !known.Indices.Add(index))
                return $"'{name}' does not fit the other '{part}' files";
        }

        foreach (var part in Required)
        {
            if (!shards.TryGetValue(part, out var shard))
                return $"there is no '{part}' file";
            if (shard.Indices.Count != shard.Count)
                return $"{shard.Indices.Count} of {shard.Count} '{part}' files are there";
        }

        return null;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<part>[a-z]+)-(?<index>[0-9]{5})-of-(?<count>[0-9]{5})\.(safetensors|json)$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
