using System.Runtime.Intrinsics.X86;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>Whether this machine's processor multiplies in bfloat16. Where it does not, libtorch would do so one number at a time: a job is better refused.</summary>
internal static class BfloatProcessor
{
    // CPUID leaf 7, subleaf 1, EAX (Intel SDM, volume 2A).
    private const int FeatureLeaf = 7, FeatureSubleaf = 1, Avx512Bf16Bit = 5;

    /// <summary>Whether it has AVX512_BF16, as every processor with AMX_BF16 does.</summary>
    internal static bool IsPresent { get; } = X86Base.IsSupported && Avx512F.IsSupported && ((X86Base.CpuId(FeatureLeaf, FeatureSubleaf).Eax >> Avx512Bf16Bit) & 1) == 1;

    /// <summary>Refuses a job that this processor is not made for.</summary>
    /// <exception cref="KaleidoException">It has no bfloat16 products.</exception>
    internal static void Require()
    {
        if (!IsPresent)
            throw KaleidoException.Usage("'training.precision' is bf16, but this machine's processor has no bfloat16 products; expected AVX512_BF16, or a CUDA device. Set 'training.precision: f32' or use another machine.");
    }
}
