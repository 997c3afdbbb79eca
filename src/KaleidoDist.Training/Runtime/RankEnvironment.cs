using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// Environment of a rank process, set before it starts because libtorch and MKL read it once: pins the kernel set, so that processors
/// of different generations compute the same bits, and the number of threads, which fixes how a product is split.
/// </summary>
public static class RankEnvironment
{
    /// <summary>The variables for a job's ranks.</summary>
    public static IReadOnlyDictionary<string, string> For(JobSpec spec)
    {
        var environment = new Dictionary<string, string>(TorchRuntime.ExactEnvironment(spec.Workers.ThreadsPerRank), StringComparer.Ordinal)
        {
            // Idle OpenMP threads sleep instead of taking time from the other ranks of the host.
            ["OMP_WAIT_POLICY"] = "PASSIVE",
        };
        return environment;
    }
}
