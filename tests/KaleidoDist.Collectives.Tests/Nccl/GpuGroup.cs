using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>One rank of a <see cref="GpuGroup"/>.</summary>
internal sealed record GpuRank(ICollective Collective, FakeGpu Gpu, FakeNccl Nccl);

/// <summary>The ranks of one generation as threads of this process, each with a fake GPU and the fake NCCL over a real control group.</summary>
internal static class GpuGroup
{
    /// <summary>Runs <paramref name="body"/> on every rank of a fresh group and returns what each rank threw, if anything.</summary>
    public static Exception?[] Run(int worldSize, int virtualRankCount, Action<GpuRank> body, NcclOptions? options = null, Func<int, FakeNccl>? nccl = null)
        => LoopbackGroup.Run(worldSize, LoopbackGroup.Options(virtualRankCount), control =>
        {
            using var gpu = new FakeGpu(control.Rank);
            var library = nccl?.Invoke(control.Rank) ?? new FakeNccl();
            using var collective = NcclCollective.Form(control, library.Library(), missing: null, gpu, gpu, options ?? new NcclOptions(), CancellationToken.None);
            body(new GpuRank(collective, gpu, library));
        });

    /// <summary>Like <see cref="Run"/>, and no rank may fail.</summary>
    public static void RunWell(int worldSize, int virtualRankCount, Action<GpuRank> body, NcclOptions? options = null, Func<int, FakeNccl>? nccl = null)
        => LoopbackGroup.AssertAllWell(Run(worldSize, virtualRankCount, body, options, nccl));

    /// <summary>This rank's partials of the test gradients, in device memory. The caller disposes what <paramref name="owner"/> holds.</summary>
    public static SubtreePartial[] Partials(GpuRank rank, int count, out IDisposable owner)
    {
        var leaves = VirtualRankRange.Of(rank.Collective.Rank, rank.Collective.WorldSize, rank.Collective.Tree.LeafCount);
        using var host = Gradients.Accumulate(rank.Collective.Tree, leaves, count);
        owner = rank.Gpu.Allocate((long)count * host.Partials.Count, out var values);
        var onDevice = new SubtreePartial[host.Partials.Count];
        for (var i = 0; i < onDevice.Length; i++)
        {
            onDevice[i] = new SubtreePartial(host.Partials[i].Subtree, values.Slice((long)i * count, count));
            host.Partials[i].Values.CopyTo(onDevice[i].Values);
        }

        return onDevice;
    }

    /// <summary>Reduces the test gradients; the sum as an array.</summary>
    public static float[] Reduce(GpuRank rank, int count)
    {
        var partials = Partials(rank, count, out var owner);
        using (owner)
        using (rank.Gpu.Allocate(count, out var result))
        {
            rank.Collective.AllReduce(partials, result);
            return result.AsSpan().ToArray();
        }
    }
}
