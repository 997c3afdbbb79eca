namespace KaleidoDist.Collectives;

/// <summary>Fast mode's first half: a rank adds all its own partials before anything travels, in the order it has them, not along the tree.</summary>
internal static class OwnPartials
{
    /// <summary>The sum over a rank's own partials: a single one as it is, several added into <paramref name="destination"/>.</summary>
    /// <param name="memory">Where all of them lie.</param>
    /// <param name="partials">At least one; the destination may be the very range of any of them.</param>
    /// <param name="destination">As long as a partial.</param>
    public static FloatRange Sum(IFloatMemory memory, IReadOnlyList<SubtreePartial> partials, FloatRange destination)
    {
        if (partials.Count == 1)
            return partials[0].Values;
        // The one that the sum replaces comes first, so that nothing is overwritten before it was added.
        var ordered = partials.Select(partial => partial.Values).OrderBy(values => values == destination ? 0 : 1).ToArray();
        memory.Add(ordered[0], ordered[1], destination);
        foreach (var values in ordered.AsSpan(2))
            memory.Add(destination, values, destination);
        return destination;
    }
}
