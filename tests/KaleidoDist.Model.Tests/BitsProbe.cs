using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

/// <summary>A hash over all gradients of a leaf of two micro-batches, dropout on, one thread. This assembly run as a program prints it.</summary>
internal static class BitsProbe
{
    public static void Main() => Console.WriteLine(Hash());

    public static string Hash()
    {
        var threads = get_num_threads();
        set_num_threads(1);
        try
        {
            using var scope = NewDisposeScope();
            var config = TestInputs.Micro(PatchEncoderKind.Pixels);
            using var parameters = new KaleidoParameters(config);
            parameters.Initialize(1);
            var model = new KaleidoBert(parameters);
            manual_seed(99);
            for (ulong part = 0; part < 2; part++)
            {
                var inputs = TestInputs.Random(config, samples: 3, part).Compact();
                KaleidoLosses.Compute(model.Forward(inputs, training: true), inputs, TestInputs.Scale(6)).Total.backward();
            }

            return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(parameters.Gradients.data<float>().ToArray().AsSpan())));
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    public static string HashInFreshProcess()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(BitsProbe).Assembly.Location]) { RedirectStandardOutput = true })!;
        var hash = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return hash;
    }
}
