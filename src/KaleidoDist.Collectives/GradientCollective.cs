using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>Forms the group that sums a job's gradients: by the mode of its specification, and through NCCL when all ranks compute on GPUs.</summary>
public static class GradientCollective
{
    /// <summary>What <see cref="NcclLibrary.PathVariable"/> is set to, on all ranks, to reduce over TCP though ranks compute on GPUs.</summary>
    private const string NoNccl = "none";

    /// <summary>Forms the group; returns when this rank is connected with all others.</summary>
    /// <param name="membership">The generation, with the endpoints that the ranks' listeners published.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="listener">This rank's listener. The caller keeps it, for the next generation.</param>
    /// <param name="options">How the host's group forms; the job's virtual ranks are in it.</param>
    /// <param name="reduction">The job's mode.</param>
    /// <param name="gpu">The memory this rank computes in, where that is a GPU's; null on a CPU.</param>
    /// <param name="cancellation">Gives up, for example because a newer generation is known.</param>
    /// <exception cref="FormationException">A peer did not come in time, or refused this rank for good.</exception>
    /// <exception cref="KaleidoException">All ranks have GPUs, and NCCL is missing or does not fit.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static ICollective Form(
        Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options, ReductionMode reduction, CudaMemory? gpu, CancellationToken cancellation)
    {
        var isAlone = membership.WorldSize == 1;
        // Without the tree's promise a rank is one leaf. A GPU's fast mode is NCCL's own.
        var isFastOnHost = reduction == ReductionMode.Fast && gpu is null && !isAlone;
        var group = Collective.Form(membership, rank, listener, isFastOnHost ? options with { VirtualRankCount = membership.WorldSize } : options, cancellation);
        try
        {
            if (isFastOnHost)
                return new FastCollective(group, options.VirtualRankCount);
            var wantsNccl = gpu is not null && Environment.GetEnvironmentVariable(NcclLibrary.PathVariable) != NoNccl;
            return !isAlone && AllSay(group, wantsNccl)
                ? NcclCollective.Form(group, gpu!, new NcclOptions { Reduction = reduction, ProgressTimeout = options.ProgressTimeout, TimeProvider = options.TimeProvider }, cancellation)
                : group;
        }
        catch
        {
            group.Dispose();
            throw;
        }
    }

    private static bool AllSay(ICollective group, bool own)
    {
        var all = new byte[group.WorldSize];
        group.AllGather([own ? (byte)1 : (byte)0], all);
        return !all.Contains((byte)0);
    }
}
