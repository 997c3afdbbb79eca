using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class NcclFaultTests : NativeMemoryTest
{
    private static readonly InvalidOperationException Cause = new("the operator wants it");

    [Theory]
    [InlineData("ncclGroupStart", 2)]
    [InlineData("ncclSend", 4)]
    [InlineData("ncclRecv", 1)]
    [InlineData("ncclGroupEnd", 3)]
    public void ACallThatFailsEndsTheGroupWithNcclsWords(string function, int code)
    {
        var broken = new FakeNccl();
        var errors = GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? broken : new FakeNccl(), body: rank =>
        {
            if (rank.Collective.Rank == 0)
                broken.Failing[function] = (NcclResult)code;
            try
            {
                GpuGroup.Reduce(rank, 100);
            }
            catch (CollectiveException first) when (rank.Collective.Rank == 0)
            {
                // Every later call, on the device or not, fails with the same error.
                Assert.Same(first, Assert.Throws<NcclException>(() => GpuGroup.Reduce(rank, 100)));
                throw;
            }
        });
        var error = Assert.IsType<NcclException>(errors[0]);
        Assert.Equal(function, error.Call);
        Assert.Contains($"{function} failed on rank 0 of generation 1: the fake says no (code {code}); cable pulled at port 7.", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, broken.CountOf("ncclCommAbort"));
        Assert.Equal(0, broken.CountOf("ncclCommDestroy"));
        Assert.IsType<PeerLostException>(errors[1]);
    }

    [Fact]
    public void AGroupThatWasOpenedIsClosedThoughATransferFailed()
    {
        var broken = new FakeNccl { Failing = { ["ncclSend"] = NcclResult.InvalidArgument } };
        GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? broken : new FakeNccl(), body: rank => GpuGroup.Reduce(rank, 100));
        Assert.Equal(
            ["ncclGroupStart", "ncclSend", "ncclGroupEnd", "ncclCommAbort"],
            broken.Calls.Select(call => call.Function).SkipWhile(function => function != "ncclGroupStart"));
    }

    [Fact]
    public void AnErrorThatNcclMeetsLaterEndsTheWaiting()
    {
        var broken = new FakeNccl();
        var errors = GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? broken : new FakeNccl(), body: rank =>
        {
            if (rank.Collective.Rank == 0)
            {
                rank.Gpu.Runs.Reset(); // The device works on it for ever.
                new Thread(() =>
                {
                    LoopbackGroup.Until(() => broken.CountOf("ncclGroupEnd") > 0, "a group");
                    broken.AsyncError = NcclResult.RemoteError;
                }).Start();
            }

            GpuGroup.Reduce(rank, 100);
        });
        Assert.Contains("of generation 1: the fake says no (code 6)", Assert.IsType<NcclException>(errors[0]).Message, StringComparison.Ordinal);
        Assert.Equal(1, broken.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void AnAbortFromAnotherThreadEndsTheCallOnceAndThePeersToo()
    {
        var libraries = new[] { new FakeNccl(), new FakeNccl() };
        var errors = GpuGroup.Run(2, 4, nccl: rank => libraries[rank], body: rank =>
        {
            if (rank.Collective.Rank == 0)
            {
                rank.Gpu.Runs.Reset();
                var aborting = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
                {
                    LoopbackGroup.Until(() => libraries[0].CountOf("ncclGroupEnd") > 0, "a group");
                    rank.Collective.Abort(Cause);
                })).ToArray();
                Array.ForEach(aborting, thread => thread.Start());
                var error = Assert.Throws<CollectiveAbortedException>(() => GpuGroup.Reduce(rank, 100));
                Array.ForEach(aborting, thread => thread.Join());
                throw error;
            }

            GpuGroup.Reduce(rank, 100);
        });
        Assert.Same(Cause, Assert.IsType<CollectiveAbortedException>(errors[0]).InnerException);
        Assert.IsType<PeerLostException>(errors[1]);
        Assert.All(libraries, library => Assert.Equal([new NcclCall("ncclCommAbort")], library.Calls.Where(call => call.Function == "ncclCommAbort")));
    }

    [Fact]
    public void APeerThatDiesIsNoticedWhileTheDeviceWaitsForIt()
    {
        var survivor = new FakeNccl();
        var errors = GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? survivor : new FakeNccl(), body: rank =>
        {
            if (rank.Collective.Rank == 0)
            {
                GpuGroup.Reduce(rank, 100);
            }
            else
            {
                LoopbackGroup.Until(() => survivor.CountOf("ncclGroupEnd") > 0, "rank 0 in its call");
                rank.Collective.Abort(Cause);
            }
        });
        Assert.Equal(1, Assert.IsType<PeerLostException>(errors[0]).Peer);
        Assert.Equal(1, survivor.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void RanksThatMakeDifferentCallsAreToldSo()
    {
        var errors = GpuGroup.Run(2, 4, rank => GpuGroup.Reduce(rank, 100 + rank.Collective.Rank));
        Assert.All(errors, error => Assert.Contains("all-reduce of 101 float32", Assert.IsType<CollectiveMismatchException>(error).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void WorkThatMakesNoEndAfterAllHaveEnteredTimesOut()
    {
        var library = new FakeNccl();
        var options = new NcclOptions { ProgressTimeout = TimeSpan.FromHours(1), FormationTimeout = TimeSpan.FromDays(1000) };
        var errors = GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? library : new FakeNccl(), options: options with { TimeProvider = new HastyTime() }, body: rank =>
        {
            rank.Gpu.Runs.Reset();
            GpuGroup.Reduce(rank, 100);
        });
        Assert.All(errors, error => Assert.True(error is NcclException or PeerLostException, $"{error}"));
        Assert.Contains(errors, error => error is NcclException && error.Message.Contains("all-reduce of 100 float32 (call 1) failed", StringComparison.Ordinal)
            && error.Message.Contains("not done 3600 s after all ranks had entered it", StringComparison.Ordinal));
        Assert.Equal(1, library.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void ACommunicatorThatDoesNotFormIsGivenUp()
    {
        var library = new FakeNccl { NeverForms = true };
        var errors = GpuGroup.Run(2, 4, nccl: rank => rank == 0 ? library : new FakeNccl { NeverForms = true }, options: new NcclOptions { TimeProvider = new HastyTime() }, body: _ => { });
        Assert.All(errors, error => Assert.True(error is NcclException or PeerLostException, $"{error}"));
        Assert.Contains(errors, error => error is NcclException && error.Message.Contains("ncclCommInitRankConfig failed on rank", StringComparison.Ordinal)
            && error.Message.Contains("not done within 120 s", StringComparison.Ordinal));
        Assert.Equal(1, library.CountOf("ncclCommAbort"));
    }

    [Fact]
    public void AnEndThatPeersDoNotJoinIsNotWaitedFor()
    {
        var library = new FakeNccl { Failing = { ["ncclCommFinalize"] = NcclResult.RemoteError } };
        GpuGroup.RunWell(2, 4, nccl: rank => rank == 0 ? library : new FakeNccl(), body: _ => { });
        Assert.Equal((1, 0), (library.CountOf("ncclCommAbort"), library.CountOf("ncclCommDestroy")));
    }

    [Fact]
    public void AGroupThatIsDisposedOfWithCallsUnderWayIsGivenUp()
    {
        var libraries = new[] { new FakeNccl(), new FakeNccl() };
        var errors = GpuGroup.Run(2, 4, nccl: rank => libraries[rank], body: rank =>
        {
            var partials = GpuGroup.Partials(rank, 100, out _);
            if (rank.Collective.Rank == 0)
            {
                rank.Gpu.Runs.Reset();
                rank.Collective.BeginAllReduce(partials, partials[0].Values);
            }
            else
            {
                rank.Collective.AllReduce(partials, partials[0].Values);
            }
        });
        Assert.Null(errors[0]);
        Assert.IsType<PeerLostException>(errors[1]);
        Assert.All(libraries, library => Assert.Equal((1, 0), (library.CountOf("ncclCommAbort"), library.CountOf("ncclCommDestroy"))));
    }

    /// <summary>A clock on which a minute passes whenever it is looked at.</summary>
    private sealed class HastyTime : TimeProvider
    {
        private long minutes;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Increment(ref minutes) * TimeSpan.TicksPerMinute;
    }
}
