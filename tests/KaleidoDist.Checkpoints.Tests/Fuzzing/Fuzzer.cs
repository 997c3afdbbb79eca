using System.Collections.Concurrent;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Result of a fuzz run.</summary>
/// <param name="ReadCount">Inputs that were read.</param>
/// <param name="RefusedCount">Inputs that were refused as they should be.</param>
/// <param name="LargestAllocationBytes">Most memory that one input took.</param>
internal sealed record FuzzResult(int ReadCount, int RefusedCount, long LargestAllocationBytes);

/// <summary>Feeds many mutated inputs to a reader. The seed and number of an input that does anything else than being read or refused are in the failure.</summary>
internal static class Fuzzer
{
    private const int SliceCount = 50;

    /// <summary>Runs in slices with seeds of their own, so that the inputs do not depend on the machine.</summary>
    /// <param name="inputCount">Inputs in all.</param>
    /// <param name="inputs">Makes the source of inputs of a seed.</param>
    /// <param name="read">Reads one, and checks what it read.</param>
    public static FuzzResult Run<T>(int inputCount, Func<int, Func<T>> inputs, Action<T> read)
    {
        var results = new ConcurrentBag<FuzzResult>();
        Parallel.For(0, SliceCount, seed => results.Add(RunSlice(seed, inputCount / SliceCount, inputs(seed), read)));
        return new FuzzResult(results.Sum(r => r.ReadCount), results.Sum(r => r.RefusedCount), results.Max(r => r.LargestAllocationBytes));
    }

    private static FuzzResult RunSlice<T>(int seed, int inputCount, Func<T> next, Action<T> read)
    {
        var readCount = 0;
        long largest = 0;
        for (var number = 0; number < inputCount; number++)
        {
            var input = next();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(input);
                readCount++;
            }
            catch (Exception refusal) when (refusal is InvalidDataException or KaleidoException)
            {
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Input {number} of seed {seed} was neither read nor refused: {error.GetType().Name}: {error.Message}", error);
            }

            largest = Math.Max(largest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return new FuzzResult(readCount, inputCount - readCount, largest);
    }
}
