using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class RangeAllocatorTests
{
    [Fact]
    public void RangesNeverOverlapAndAllComesBack()
    {
        const long Start = 100;
        const long End = 50_000;
        var random = new KeyedRandom(3, RandomPurpose.Import);
        var allocator = new RangeAllocator(Start, End);
        var held = new List<(long Start, long Length)>();
        for (var move = 0; move < 5000; move++)
        {
            if (random.Next(2) == 0 && held.Count > 0)
            {
                var index = random.Next(held.Count);
                allocator.Return(held[index].Start);
                held.RemoveAt(index);
                continue;
            }

            var (length, alignment) = (1 + random.Next(3000), 1L << random.Next(8));
            var taken = allocator.Take(length, alignment);
            if (taken < 0)
                continue;
            Assert.Equal(0, taken % alignment);
            Assert.InRange(taken, Start, End - length);
            Assert.DoesNotContain(held, other => taken < other.Start + other.Length && other.Start < taken + length);
            held.Add((taken, length));
        }

        held.ForEach(range => allocator.Return(range.Start));
        Assert.Equal(1, allocator.FreeRangeCount);
        Assert.Equal(Start, allocator.Take(End - Start, 1));
        Assert.Equal(-1, allocator.Take(1, 1));
    }

    [Fact]
    public void ARangeComesBackOnce()
    {
        var allocator = new RangeAllocator(0, 10);
        var taken = allocator.Take(4, 1);
        allocator.Return(taken);
        Assert.Throws<InvalidOperationException>(() => allocator.Return(taken));
    }
}
