using System.Runtime.InteropServices;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void SelfTestOfTheBundledLibraryPassesEveryCheck()
    {
        TorchRuntime.Initialize();
        var report = TorchRuntime.SelfTest();
        Assert.Equal("2.10.0", report.Version);
        Assert.True(report.StableAbi);
        Assert.Equal(["matmul", "attention", "fused AdamW"], report.Checks.Select(check => check.Name));
        Assert.All(report.Checks, check => Assert.True(check.Passed, $"{check.Name}: {check.Error:e2}"));
    }

    [Fact]
    public void AFailedCheckIsNamedInTheError()
    {
        var report = new TorchReport("2.11.0", "/opt/torch", 1, 0, true, [new("matmul", 0, 0), new("attention", 0.5, 1e-6)]);
        var error = Assert.Throws<KaleidoException>(report.ThrowIfFailed);
        Assert.Contains("attention is off by 0.5", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DataPointerIncludesTheOffsetOfAView()
    {
        using var buffer = zeros(10);
        using var view = buffer.narrow(0, 3, 2);
        Assert.Equal(TorchStable.DataPointer(buffer) + (3 * sizeof(float)), TorchStable.DataPointer(view));
    }

    [Fact]
    public void AnExternalFolderIsUsedInsteadOfTheBundledOne()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "libtorch")))
                File.CreateSymbolicLink(Path.Combine(folder.FullName, Path.GetFileName(file)), file);
            Assert.Equal($"{folder.FullName} 2.10.0 True 1", TorchProbe.Run(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void MissingLibraryIsOneClearLine()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var error = Assert.Throws<KaleidoException>(() => TorchLibrary.Load(folder.FullName, AppContext.BaseDirectory, force: false));
            Assert.Contains("found no libtorch_cpu.so", error.Message, StringComparison.Ordinal);
            Assert.Contains(TorchRuntime.FolderVariable, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void AnExternalFileThatIsNoLibraryIsOneClearLine()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "libc10.so"), "not a library");
            File.WriteAllText(Path.Combine(folder.FullName, "libtorch_cpu.so"), "not a library");
            var error = Assert.Throws<KaleidoException>(() => TorchLibrary.Load(folder.FullName, AppContext.BaseDirectory, force: false));
            Assert.Contains("libc10.so", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void EverySymbolThatTorchSharpTakesFromOthersResolves()
    {
        var names = TorchImports.Of(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"));
        Assert.True(names.Count > 1000, $"{names.Count}");
        var torch = NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "libtorch", "libtorch.so"));
        Assert.All(names, name => Assert.True(NativeLibrary.TryGetExport(torch, name, out _), name));
    }

    [Fact]
    public void ExactEnvironmentPinsKernelsAndThreads()
    {
        var environment = TorchRuntime.ExactEnvironment(3);
        Assert.Equal("AVX2", environment["MKL_CBWR"]);
        Assert.Equal("avx2", environment["ATEN_CPU_CAPABILITY"]);
        Assert.Equal("3", environment["OMP_NUM_THREADS"]);
        Assert.Equal("3", environment["MKL_NUM_THREADS"]);
    }
}
