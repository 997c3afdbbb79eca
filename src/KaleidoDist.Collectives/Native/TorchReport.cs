using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Collectives;

/// <summary>One check of <see cref="TorchRuntime.SelfTest"/>.</summary>
/// <param name="Name">What was computed.</param>
/// <param name="Error">Largest deviation from the known result; NaN if it could not be computed.</param>
/// <param name="Allowed">Largest deviation that passes.</param>
public readonly record struct TorchCheck(string Name, double Error, double Allowed)
{
    /// <summary>Whether the result was the known one.</summary>
    public bool Passed => Error <= Allowed;
}

/// <summary>What libtorch this process has, and whether it computes right.</summary>
/// <param name="Version">libtorch's version, or empty.</param>
/// <param name="Folder">Where it was loaded from.</param>
/// <param name="Threads">Intra-op threads of this thread.</param>
/// <param name="CudaDevices">CUDA devices it can use.</param>
/// <param name="StableAbi">Whether <see cref="TorchStable"/> works, and with it the fused optimizer.</param>
/// <param name="Checks">Every computation that was checked.</param>
public sealed record TorchReport(string Version, string Folder, int Threads, int CudaDevices, bool StableAbi, IReadOnlyList<TorchCheck> Checks)
{
    private const double Float32Tolerance = 1e-6;

    /// <summary>Whether every check passed.</summary>
    public bool Passed => Checks.All(check => check.Passed);

    /// <summary>Throws an error that names the failed checks.</summary>
    public void ThrowIfFailed()
    {
        if (!Passed)
        {
            var failed = string.Join(", ", Checks.Where(check => !check.Passed).Select(check => $"{check.Name} is off by {check.Error:g3}"));
            throw new KaleidoException($"The libtorch in '{Folder}' ({Version}) computes wrong: {failed}. Use libtorch 2.10 and unset {TorchRuntime.ForceVariable}.");
        }
    }

    /// <summary>Computes the report on this thread.</summary>
    internal static TorchReport Run(string version, string folder)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        TorchCheck[] checks =
        [
            new("matmul", MatMul(), 0),
            new("attention", Attention(), Float32Tolerance),
            .. TorchStable.IsAvailable ? [new TorchCheck("fused AdamW", FusedAdamW(), Float32Tolerance)] : Array.Empty<TorchCheck>(),
        ];
        return new TorchReport(version, folder, get_num_threads(), cuda.is_available() ? cuda.device_count() : 0, TorchStable.IsAvailable, checks);
    }

    // Small integers: exact in any order of addition.
    private static double MatMul() => Distance(Numbers.Range(12, ScalarType.Float32).view(3, 4).mm(ones(4, 2)), tensor(new float[] { 6, 6, 22, 22, 38, 38 }).view(3, 2));

    private static double Attention()
    {
        Tensor Values(int phase) => Numbers.Range(2 * 5 * 4, ScalarType.Float32).Plus(phase).sin().view(1, 2, 5, 4);
        Tensor query = Values(0), key = Values(1), value = Values(2);
        var explicitly = query.matmul(key.transpose(-2, -1)).Over(Math.Sqrt(4)).softmax(-1).matmul(value);
        return Distance(nn.functional.scaled_dot_product_attention(query, key, value), explicitly);
    }

    // At step 1 the corrected moments are g and g*g, so the update is -rate*(g/(|g|+epsilon) + decay*w).
    private static double FusedAdamW()
    {
        const double rate = 0.1, decay = 0.01, epsilon = 1e-6;
        Tensor weights = tensor(new[] { 1f, -2f, 3f }), gradients = tensor(new[] { 0.5f, 0.25f, -4f });
        var expected = weights - (gradients / gradients.abs().Plus(epsilon)).Plus(weights.Times(decay)).Times(rate);
        TorchStable.FusedAdamW(weights, gradients, zeros(3), zeros(3), ones([]), rate, 0.9, 0.98, decay, epsilon);
        return Distance(weights, expected);
    }

    private static double Distance(Tensor actual, Tensor expected) => (actual - expected).abs().max().item<float>();
}
