using System.Buffers.Binary;
using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>What ranks tell each other after every round of an extraction: sums over all of them are what all decide by.</summary>
/// <param name="Groups">Row groups of a rank that are on disk.</param>
/// <param name="Rows">Rows of these, and of the one it is at.</param>
/// <param name="BadRows">Rows this process found not to decode.</param>
/// <param name="Stops">1 where a rank was told to stop.</param>
/// <param name="Parts">1 where a rank knows of the next generation.</param>
internal readonly record struct ExtractionRound(long Groups, long Rows, long BadRows, long Stops, long Parts)
{
    private const int Count = 5;

    /// <summary>The sums over all ranks. Collective.</summary>
    internal ExtractionRound SumOver(ICollective collective)
    {
        var mine = new byte[Count * sizeof(long)];
        Write(mine);
        var all = new byte[mine.Length * collective.WorldSize];
        collective.AllGather(mine, all);
        var sum = default(ExtractionRound);
        for (var start = 0; start < all.Length; start += mine.Length)
            sum = sum.Plus(Read(all.AsSpan(start, mine.Length)));
        return sum;
    }

    private ExtractionRound Plus(ExtractionRound other)
        => new(Groups + other.Groups, Rows + other.Rows, BadRows + other.BadRows, Stops + other.Stops, Parts + other.Parts);

    private void Write(Span<byte> bytes)
    {
        foreach (var (index, value) in new[] { Groups, Rows, BadRows, Stops, Parts }.Index())
            BinaryPrimitives.WriteInt64LittleEndian(bytes[(index * sizeof(long))..], value);
    }

    private static ExtractionRound Read(ReadOnlySpan<byte> bytes)
    {
        var values = new long[Count];
        for (var i = 0; i < Count; i++)
            values[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes[(i * sizeof(long))..]);
        return new ExtractionRound(values[0], values[1], values[2], values[3], values[4]);
    }
}
