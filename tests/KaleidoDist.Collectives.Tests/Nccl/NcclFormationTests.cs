using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class NcclFormationTests : NativeMemoryTest
{
    [Fact]
    public void DifferentVersionsAreNamedWithTheirRanksOnAllRanks()
    {
        var errors = GpuGroup.Run(3, 8, nccl: rank => new FakeNccl { SaysVersion = rank == 1 ? 22304 : 22703 }, body: _ => { });
        Assert.All(errors, error => Assert.Equal(
            "The ranks have different NCCL libraries: ranks 0, 2 with 2.27.3, rank 1 with 2.23.4; expected one version on all. Install the same NCCL on all machines, or let KALEIDO_NCCL name it.",
            Assert.IsType<KaleidoException>(error).Message));
    }

    [Fact]
    public void ARankWithoutALibrarySaysWhyAndTheOthersSayWho()
    {
        var errors = LoopbackGroup.Run(2, LoopbackGroup.Options(4), control =>
        {
            using var gpu = new FakeGpu(control.Rank);
            var missing = new KaleidoException("NCCL is missing: looked under the sofa");
            var library = control.Rank == 1 ? null : new FakeNccl().Library();
            NcclCollective.Form(control, library, library is null ? missing : null, gpu, gpu, new NcclOptions(), CancellationToken.None).Dispose();
        });
        Assert.Contains("rank 0 with 2.27.3, rank 1 without any;", Assert.IsType<KaleidoException>(errors[0]).Message, StringComparison.Ordinal);
        Assert.Equal("NCCL is missing: looked under the sofa", Assert.IsType<KaleidoException>(errors[1]).Message);
        Assert.All(errors, error => Assert.Equal(ExitCode.Usage, ((KaleidoException)error!).ExitCode));
    }

    [Fact]
    public void TwoRanksOnOneGpuAreNamed()
    {
        var errors = LoopbackGroup.Run(3, LoopbackGroup.Options(4), control =>
        {
            using var gpu = new FakeGpu(device: control.Rank == 1 ? 1 : 0xAB);
            NcclCollective.Form(control, new FakeNccl().Library(), missing: null, gpu, gpu, new NcclOptions(), CancellationToken.None).Dispose();
        });
        Assert.All(errors, error => Assert.StartsWith(
            $"ranks 0, 2 use the same GPU ({string.Concat(Enumerable.Repeat("ab", 16))}); expected one for each.", Assert.IsType<KaleidoException>(error).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void ACallerThatGivesUpEndsTheForming()
    {
        using var cancellation = new CancellationTokenSource();
        var library = new FakeNccl { NeverForms = true };
        var errors = LoopbackGroup.Run(2, LoopbackGroup.Options(4), control =>
        {
            using var gpu = new FakeGpu(control.Rank);
            if (control.Rank == 1)
                cancellation.Cancel();
            NcclCollective.Form(control, control.Rank == 0 ? library.Library() : new FakeNccl { NeverForms = true }.Library(), missing: null, gpu, gpu, new NcclOptions(), cancellation.Token).Dispose();
        });
        // Whoever hears of it second may hear of it from the first.
        Assert.All(errors, error => Assert.True(error is OperationCanceledException or PeerLostException, $"{error}"));
        Assert.Contains(errors, error => error is OperationCanceledException);
        Assert.Equal(1, library.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void APeerThatDiesWhileTheCommunicatorFormsIsNoticed()
    {
        var library = new FakeNccl { NeverForms = true };
        var errors = LoopbackGroup.Run(2, LoopbackGroup.Options(4), control =>
        {
            using var gpu = new FakeGpu(control.Rank);
            if (control.Rank == 0)
            {
                NcclCollective.Form(control, library.Library(), missing: null, gpu, gpu, new NcclOptions(), CancellationToken.None).Dispose();
                return;
            }

            NcclBootstrap.Exchange(control, FakeNccl.Version, gpu.DeviceId, default);
            LoopbackGroup.Until(() => library.CountOf("ncclCommInitRankConfig") > 0, "rank 0 forms");
            control.Abort(new InvalidOperationException("killed"));
        });
        Assert.Equal(1, Assert.IsType<PeerLostException>(errors[0]).Peer);
        Assert.Equal(1, library.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void ALibraryThatIsNotThereIsReportedWithAllPlaces()
    {
        var error = Assert.Throws<KaleidoException>(() => NcclLibrary.Load(named: null, ["/nowhere/libnccl.so.2", "/neither/libnccl.so.2"]));
        Assert.Equal(
            "NCCL is missing: looked for /nowhere/libnccl.so.2, /neither/libnccl.so.2; expected libnccl.so.2 of NCCL 2.14.0 or newer. Install NVIDIA's libnccl2, or let KALEIDO_NCCL name the file.",
            error.Message);
    }

    [Fact]
    public void ANamedLibraryIsTheOnlyOneTried()
    {
        var error = Assert.Throws<KaleidoException>(() => NcclLibrary.Load("/nowhere/mine.so", ["libc.so.6"]));
        Assert.StartsWith("NCCL is missing: KALEIDO_NCCL names '/nowhere/mine.so', which cannot be loaded;", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALibraryThatIsNotNcclIsRefusedWithTheFunctionItLacks()
    {
        var error = Assert.Throws<KaleidoException>(() => NcclLibrary.Load("libc.so.6", []));
        Assert.StartsWith("The library 'libc.so.6' has no function ncclGetVersion; expected NCCL 2.14.0 or newer.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheLibraryIsLookedForBesideLibtorchThenInPyTorchsWheelsThenInTheSystem()
        => Assert.Equal(
            ["/py/site-packages/torch/lib/libnccl.so.2", "/py/site-packages/nvidia/nccl/lib/libnccl.so.2", "libnccl.so.2"],
            NcclLibrary.Candidates("/py/site-packages/torch/lib"));

    [Fact]
    public void TheStructuresHaveTheSizesOfTheHeader()
    {
        Assert.Equal((24, 128), (Marshal.SizeOf<NcclConfig>(), Marshal.SizeOf<NcclUniqueId>()));
        var config = NcclConfig.NonBlocking;
        Assert.Equal((24u, 0xCAFEBEEFu, 21400u, false), ((uint)config.Size, config.Magic, config.Version, config.IsBlocking));
        Assert.Equal("2.14.0", NcclLibrary.Text(NcclConfig.FirstVersion));
    }

    [Fact]
    public void WithoutLibtorchForCudaOrADriverTheErrorSaysWhatIsNeeded()
    {
        var noTorch = Assert.Throws<KaleidoException>(() => NcclCudaFunctions.Load("/nowhere/libtorch_cuda.so", "libc.so.6"));
        Assert.StartsWith("'/nowhere/libtorch_cuda.so' cannot be loaded; expected a build with -p:TorchBackend=cuda", noTorch.Message, StringComparison.Ordinal);
        var noFunction = Assert.Throws<KaleidoException>(() => NcclCudaFunctions.Load("libc.so.6", "libc.so.6"));
        Assert.StartsWith("'libc.so.6' has no function aoti_torch_get_current_cuda_stream; expected libtorch 2.10", noFunction.Message, StringComparison.Ordinal);
    }
}
