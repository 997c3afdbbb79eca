using System.Globalization;
using System.IO.Hashing;
using System.Runtime.Intrinsics.X86;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

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
        // Only from this set of kernels on does oneDNN multiply in bfloat16; a machine without it is refused, so all still compute the same bits.
        if (spec.Training.Precision == Precision.Bf16)
            environment["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_BF16";
        return environment;
    }

    /// <summary>What must be equal on all ranks of a job for equal bits, by name; a rank that differs in one is refused.</summary>
    public static IReadOnlyDictionary<string, string> Describe(JobSpec spec, ReplicaState state) => Describe(spec, state.Device, state.Parameters.Layout.ParameterCount);

    /// <summary>The same, of any network.</summary>
    internal static IReadOnlyDictionary<string, string> Describe(JobSpec spec, Device device, long parameterCount) => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["build"] = Build(),
        ["libtorch"] = TorchRuntime.Version,
        ["device"] = device.type.ToString().ToLowerInvariant(),
        ["threads"] = spec.Workers.ThreadsPerRank.ToString(CultureInfo.InvariantCulture),
        ["cpu_capability"] = Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") is { Length: > 0 } pinned && Avx2.IsSupported ? pinned : "native",
        ["mkl_cbwr"] = Environment.GetEnvironmentVariable("MKL_CBWR") ?? "",
        ["parameters"] = parameterCount.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The version, and the identity of the code that computes.</summary>
    private static string Build()
    {
        var computing = new[] { typeof(RankEnvironment), typeof(Model.KaleidoBert), typeof(ICollective), typeof(Data.EpochPlan), typeof(JobSpec) };
        var identity = XxHash64.HashToUInt64([.. computing.SelectMany(t => t.Module.ModuleVersionId.ToByteArray())]);
        return $"{typeof(RankEnvironment).Assembly.GetName().Version?.ToString(3)}+{identity:x16}";
    }
}
