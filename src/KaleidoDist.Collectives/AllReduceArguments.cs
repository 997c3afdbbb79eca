namespace KaleidoDist.Collectives;

/// <summary>Checks what a caller hands to <see cref="ICollective.AllReduce"/>, the same way for every transport.</summary>
internal static class AllReduceArguments
{
    /// <summary>Throws unless <paramref name="partials"/> are those of <paramref name="rank"/> and fit <paramref name="result"/>.</summary>
    public static void Check(ReductionPlan plan, int rank, IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        CheckPartials(plan, rank, partials, result.Count);
        for (var i = 0; i < partials.Count; i++)
        {
            if (partials[i].Values.OverlapsInPart(result))
                throw new ArgumentException($"The result overlaps partial {i} of rank {rank} in part; expected the same range or a separate one.", nameof(result));
        }
    }

    /// <summary>The same for a reduce-scatter, whose result is the rank's own segment.</summary>
    public static void CheckScatter(ReductionPlan plan, int rank, IReadOnlyList<SubtreePartial> partials, FloatRange segment)
    {
        var count = partials.Count == 0 ? 0 : partials[0].Values.Count;
        CheckPartials(plan, rank, partials, count);
        var expected = Segments.Of(count, rank, plan.Partials.Length);
        if (segment.Count != expected.Count)
            throw new ArgumentException($"The segment of rank {rank} has {segment.Count} values; expected {expected.Count} of {count}.", nameof(segment));
        for (var i = 0; i < partials.Count; i++)
        {
            var values = partials[i].Values;
            if (values.Slice(expected.Start, expected.Count) != segment && values.OverlapsInPart(segment))
                throw new ArgumentException($"The segment overlaps partial {i} of rank {rank}; expected its own part of it or a separate range.", nameof(segment));
        }
    }

    private static void CheckPartials(ReductionPlan plan, int rank, IReadOnlyList<SubtreePartial> partials, long count)
    {
        var expected = plan.Partials[rank];
        if (partials.Count != expected.Length)
        {
            throw new ArgumentException(
                $"Rank {rank} brought {partials.Count} partials; expected {expected.Length}: {string.Join(", ", expected)}.", nameof(partials));
        }

        for (var i = 0; i < expected.Length; i++)
        {
            if (partials[i].Subtree != expected[i])
                throw new ArgumentException($"Partial {i} of rank {rank} is of {partials[i].Subtree}; expected {expected[i]}.", nameof(partials));
            if (partials[i].Values.Count != count)
            {
                throw new ArgumentException(
                    $"Partial {i} of rank {rank} has {partials[i].Values.Count} values; expected {count}, as the result has.", nameof(partials));
            }
        }
    }
}
