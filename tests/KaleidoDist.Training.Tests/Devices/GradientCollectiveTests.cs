using System.Net;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

/// <summary>Which group sums a job's gradients.</summary>
public sealed class GradientCollectiveTests
{
    [Fact]
    public void RanksOnCpusFollowTheModeOfTheJob()
    {
        Assert.All(Form(3, ReductionMode.Exact), formed => Assert.DoesNotContain("fast", formed.Route, StringComparison.Ordinal));
        Assert.All(Form(3, ReductionMode.Fast), formed => Assert.EndsWith(", fast", formed.Route, StringComparison.Ordinal));
        Assert.All(Form(3, ReductionMode.Fast), formed => Assert.Equal(8, formed.LeafCount));
        Assert.Equal("this rank alone", Form(1, ReductionMode.Fast)[0].Route);
    }

    [Fact]
    public void AWorldThatIsNotAllOnGpusReducesInHostMemory()
        => Assert.All(Form(2, ReductionMode.Exact, gpus: [1]), formed => Assert.Null(formed.Error));

    [Fact]
    public void AWorldOfGpusWithoutWhatNcclNeedsIsToldSo()
        => Assert.All(Form(2, ReductionMode.Exact, gpus: [0, 1]), formed =>
        {
            var error = Assert.IsType<KaleidoException>(formed.Error);
            Assert.Contains("libtorch_cuda.so' cannot be loaded; expected a build with -p:TorchBackend=cuda", error.Message, StringComparison.Ordinal);
            Assert.Equal(ExitCode.Usage, error.ExitCode);
        });

    [Fact]
    public void ACommunicatorIsNotLookedForWhereNobodyWantsIt()
    {
        Environment.SetEnvironmentVariable("KALEIDO_NCCL", "none");
        try
        {
            Assert.All(Form(2, ReductionMode.Exact, gpus: [0, 1]), formed => Assert.Null(formed.Error));
        }
        finally
        {
            Environment.SetEnvironmentVariable("KALEIDO_NCCL", null);
        }
    }

    private static Formed[] Form(int worldSize, ReductionMode reduction, params int[] gpus)
    {
        TorchRuntime.Initialize();
        var listeners = Enumerable.Range(0, worldSize).Select(_ => DataPlaneListener.Bind(IPAddress.Loopback)).ToArray();
        var membership = new Membership("job", 1, [.. listeners.Select((listener, rank) => new RankMember(rank, "worker", "host", listener.EndpointAt("127.0.0.1")))], new byte[32]);
        var formed = new Formed[worldSize];
        var threads = Enumerable.Range(0, worldSize).Select(rank => new Thread(() =>
        {
            try
            {
                using var group = GradientCollective.Form(
                    membership, rank, listeners[rank], new CollectiveOptions { VirtualRankCount = 8 }, reduction, gpus.Contains(rank) ? new CudaMemory(CPU) : null, CancellationToken.None);
                group.Barrier();
                formed[rank] = new Formed(group.Route, group.Tree.LeafCount, Error: null);
            }
            catch (Exception error)
            {
                formed[rank] = new Formed("", 0, error);
            }
        })).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Array.ForEach(listeners, listener => listener.Dispose());
        return formed;
    }

    private sealed record Formed(string Route, int LeafCount, Exception? Error);
}
