namespace KaleidoDist.Data;

/// <summary>
/// Jigsaw puzzle on the 2x2 patches (paper, section 3.6, task II). Slot i holds original patch p(i); the label is the lexicographic
/// rank of p, identity 0. Positions stay with the slots: moving them along would give the answer away.
/// </summary>
public static class Jigsaw
{
    /// <summary>Patches.</summary>
    public const int PatchCount = 4;

    /// <summary>Classes: permutations of four.</summary>
    public const int ClassCount = 24;

    /// <summary>The permutation of a rank.</summary>
    public static void Permutation(int rank, Span<int> permutation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, ClassCount);
        Span<int> left = [0, 1, 2, 3];
        var block = ClassCount;
        for (var i = 0; i < PatchCount; i++)
        {
            block /= PatchCount - i;
            var index = rank / block;
            rank %= block;
            permutation[i] = left[index];
            left[(index + 1)..].CopyTo(left[index..]);
        }
    }

    /// <summary>The lexicographic rank of a permutation of 0..3.</summary>
    public static int Rank(ReadOnlySpan<int> permutation)
    {
        var rank = 0;
        for (var i = 0; i < PatchCount; i++)
        {
            var smallerLater = 0;
            foreach (var later in permutation[(i + 1)..])
                smallerLater += later < permutation[i] ? 1 : 0;
            rank = rank * (PatchCount - i) + smallerLater;
        }

        return rank;
    }

    /// <summary>Lays the four patches out in the order of a rank.</summary>
    public static void Permute(ReadOnlySpan<float> patches, int rank, Span<float> permuted)
    {
        Span<int> permutation = stackalloc int[PatchCount];
        Permutation(rank, permutation);
        var length = patches.Length / PatchCount;
        for (var slot = 0; slot < PatchCount; slot++)
            patches.Slice(permutation[slot] * length, length).CopyTo(permuted[(slot * length)..]);
    }
}
