using KaleidoDist.Collectives;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

/// <summary>Arithmetic on ranges of a device's memory, on the one device that every machine has.</summary>
public sealed class CudaMemoryTests
{
    public CudaMemoryTests() => TorchRuntime.Initialize();

    [Fact]
    public void SumsHaveTheBitsOfTheHostsWhereverTheyGo()
    {
        const int Count = 1_001;
        var memory = new CudaMemory(CPU);
        using var owner = memory.Allocate(3 * Count, out var all);
        FloatRange left = all.Slice(0, Count), right = all.Slice(Count, Count), third = all.Slice(2 * Count, Count);
        void Fill()
        {
            for (var i = 0; i < Count; i++)
                (left.AsSpan()[i], right.AsSpan()[i]) = (MathF.Sin(i) * MathF.ScaleB(1, i % 25 - 12), MathF.Cos(i) / 3);
        }

        foreach (var destination in (FloatRange[])[left, right, third])
        {
            Fill();
            var expected = left.AsSpan().ToArray().Zip(right.AsSpan().ToArray(), (a, b) => BitConverter.SingleToUInt32Bits(a + b));
            memory.Add(left, right, destination);
            Assert.Equal(expected, destination.AsSpan().ToArray().Select(BitConverter.SingleToUInt32Bits));
        }

        memory.Copy(right, third);
        Assert.Equal(right.AsSpan().ToArray(), third.AsSpan().ToArray());
    }

    [Fact]
    public void OnlyRangesOfAdoptedOrAllocatedTensorsBelongToIt()
    {
        var memory = new CudaMemory(CPU);
        using var flat = zeros(100);
        var range = memory.Adopt(flat);
        Assert.True(memory.Contains(range.Slice(40, 60)));
        Assert.False(memory.Contains(new FloatRange(range.Address, 101)));
        Assert.Throws<ArgumentException>(() => memory.Copy(new FloatRange(range.Address, 101), new FloatRange(range.Address + 8, 101)));

        memory.Release(flat);
        Assert.False(memory.Contains(range));
        var owner = memory.Allocate(10, out var allocated);
        Assert.True(memory.Contains(allocated));
        owner.Dispose();
        Assert.False(memory.Contains(allocated));

        using var matrix = zeros(2, 2);
        using var doubles = zeros(4, ScalarType.Float64);
        Assert.Throws<ArgumentException>(() => memory.Adopt(matrix));
        Assert.Throws<ArgumentException>(() => memory.Adopt(doubles));
    }

    [Fact]
    public void ArithmeticLeavesNoTensorBehind()
    {
        var memory = new CudaMemory(CPU);
        using var owner = memory.Allocate(300, out var all);
        var before = torch.Tensor.TotalCount;
        for (var i = 0; i < 10; i++)
        {
            memory.Add(all.Slice(0, 100), all.Slice(100, 100), all.Slice(200, 100));
            memory.Copy(all.Slice(0, 100), all.Slice(100, 100));
        }

        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
