namespace KaleidoDist.Checkpoints;

/// <summary>Compares the tensors a model wants with those a file has. Pure.</summary>
internal static class ModelComparison
{
    private const int ShownCount = 3;

    /// <summary>The differences in one sentence without its full stop, first ones by name; null when there are none.</summary>
    internal static string? Difference(IEnumerable<TensorDestination> wanted, IEnumerable<SafetensorsEntry> found)
    {
        var want = wanted.ToDictionary(t => t.Name, t => TensorTypes.Describe(t.Type, t.Shape), StringComparer.Ordinal);
        var have = found.ToDictionary(t => t.Name, t => TensorTypes.Describe(t.Type, t.Shape), StringComparer.Ordinal);
        string?[] parts =
        [
            Part("missing", want.Keys.Except(have.Keys), name => $"'{name}'"),
            Part("unexpected", have.Keys.Except(want.Keys), name => $"'{name}'"),
            Part(
                "different",
                want.Keys.Where(name => have.TryGetValue(name, out var form) && form != want[name]),
                name => $"'{name}' is {have[name]}, expected {want[name]}"),
        ];
        return parts.Any(p => p is not null) ? string.Join("; ", parts.Where(p => p is not null)) : null;
    }

    private static string? Part(string what, IEnumerable<string> names, Func<string, string> describe)
    {
        var ordered = names.Order(StringComparer.Ordinal).ToList();
        if (ordered.Count == 0)
            return null;
        var more = ordered.Count > ShownCount ? $" and {ordered.Count - ShownCount} more" : "";
        return $"{what}: {string.Join(", ", ordered.Take(ShownCount).Select(describe))}{more}";
    }
}
