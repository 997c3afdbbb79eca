namespace KaleidoDist.Collectives;

/// <summary>Checks what a caller hands to <see cref="ICollective.AllReduce"/>, the same way for every transport.</summary>
internal static class AllReduceArguments
{
    /// <summary>Throws unless <paramref name="partials"/> are those of <paramref name="rank"/> and fit <paramref name="result"/>.</summary>
    public static void Check(ReductionPlan plan, int rank, IReadOnlyList<SubtreePartial> partials, FloatRange result)
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
            if (partials[i].Values.Count != result.Count)
            {
                throw new ArgumentException(
                    $"Partial {i} of rank {rank} has {partials[i].Values.Count} values; expected {result.Count}, as the result has.", nameof(partials));
            }

            if (partials[i].Values.OverlapsInPart(result))
                throw new ArgumentException($"The result overlaps partial {i} of rank {rank} in part; expected the same range or a separate one.", nameof(result));
        }
    }
}
