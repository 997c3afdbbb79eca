using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// What everything random about a sample is keyed by. Each decision has a stream of its own, so that one more draw in one task changes
/// no other task.
/// </summary>
/// <param name="Seed">The job's seed.</param>
/// <param name="Epoch">The epoch.</param>
/// <param name="SampleIndex">Index of the row in the data set's manifest order.</param>
public readonly record struct SampleKey(ulong Seed, long Epoch, long SampleIndex)
{
    /// <summary>The random numbers of one decision, from the first.</summary>
    public KeyedRandom For(CorruptionStream stream)
        => new(Seed, RandomPurpose.Corruption, unchecked((ulong)Epoch), unchecked((ulong)SampleIndex), (ulong)stream);
}

/// <summary>The decisions taken about a sample. Numbers are for ever: they are part of what a job computes.</summary>
public enum CorruptionStream
{
    /// <summary>Whether the text is another product's, and whose.</summary>
    Match = 1,

    /// <summary>Which words and patches are hidden.</summary>
    Masking = 2,

    /// <summary>What stands in for a hidden token.</summary>
    Tokens = 3,

    /// <summary>Quarter turns of the 1x1 patch.</summary>
    Rotation = 4,

    /// <summary>Permutation of the 2x2 patches.</summary>
    Jigsaw = 5,

    /// <summary>Whose patch hides among the 3x3 patches.</summary>
    Camouflage = 6,
}
