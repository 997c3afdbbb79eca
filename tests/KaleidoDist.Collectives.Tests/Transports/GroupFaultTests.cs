namespace KaleidoDist.Collectives.Tests;

/// <summary>What a fault of one rank does to the others, whatever the transport.</summary>
public sealed class GroupFaultTests : NativeMemoryTest
{
    private static readonly CollectiveOptions Options = LoopbackGroup.Options(8, CollectiveTransport.Auto);

    /// <summary>Shared memory, TCP, and both.</summary>
    public static TheoryData<string> Groupings => ["000", "012", "001", "010", "0011"];

    [Theory]
    [MemberData(nameof(Groupings))]
    public void ARankThatGivesUpEndsAllOthersWithPeerLost(string grouping)
    {
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective =>
        {
            collective.Barrier();
            if (collective.Rank == 1)
            {
                collective.Abort(new InvalidDataException("bad news"));
                Assert.Throws<CollectiveAbortedException>(collective.Barrier);
            }
            else
            {
                Calls.ReduceOnce(collective, 100_000);
            }
        });

        Assert.Null(errors[1]);
        Assert.All(errors.Where((_, rank) => rank != 1), error => Assert.IsType<PeerLostException>(error));
    }

    [Fact]
    public void AnAbortIsBlamedOnTheRankThatAbortedWhateverItsPeersWereDoing()
    {
        for (var round = 0; round < 10; round++)
        {
            using var near = new CountdownEvent(2);
            var errors = LoopbackGroup.Run([0, 0, 0], Options, collective =>
            {
                collective.Barrier();
                if (collective.Rank == 2)
                {
                    Assert.True(near.Wait(LoopbackGroup.Patience));
                    collective.Abort(new InvalidDataException("bad news"));
                    return;
                }

                near.Signal(); // Asleep in the call, or just before it.
                Assert.Equal(2, Assert.Throws<PeerLostException>(() => Calls.ReduceOnce(collective, 100)).Peer);
            });
            LoopbackGroup.AssertAllWell(errors);
        }
    }

    [Theory]
    [InlineData("00")]
    [InlineData("01")]
    public void DifferentSizesAreAMismatchOnBothSides(string grouping)
    {
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective => Calls.ReduceOnce(collective, 1000 + collective.Rank));
        Assert.Equal(1, Assert.IsType<CollectiveMismatchException>(errors[0]).Peer);
        Assert.Equal(0, Assert.IsType<CollectiveMismatchException>(errors[1]).Peer);
        Assert.StartsWith(
            "Rank 0 called all-reduce of 1000 float32 (call 1), rank 1 called all-reduce of 1001 float32 (call 1) in generation 1;", errors[0]!.Message);
    }

    [Theory]
    [InlineData("00")]
    [InlineData("01")]
    public void DifferentCallsAreAMismatchOnBothSides(string grouping)
    {
        using var values = NativeBuffer.OfFloats(8);
        Action<ICollective>[] calls =
        [
            collective => collective.Barrier(),
            collective => collective.AllGather(new byte[32], new byte[64]),
            collective => collective.Broadcast(values.Floats, 0),
            collective => collective.Broadcast(values.Floats, 1),
            collective => collective.AllGatherSegments(values.Floats),
            collective => Calls.ReduceOnce(collective, 8),
        ];
        for (var i = 0; i < calls.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective =>
                {
                    collective.Barrier();
                    calls[collective.Rank == 0 ? i : j](collective);
                });
                Assert.All(errors, error => Assert.IsType<CollectiveMismatchException>(error));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public void ARankThatSkipsACallIsAMismatch(string grouping)
    {
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective =>
        {
            if (collective.Rank != 1)
                Calls.ReduceOnce(collective, 100_000);
            collective.Barrier();
        });
        Assert.All(errors, error => Assert.IsAssignableFrom<CollectiveException>(error));
        Assert.IsType<CollectiveMismatchException>(errors[1]);
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public void ARankThatIsDoneMayLeaveWhileOthersFinish(string grouping)
    {
        for (var repeat = 0; repeat < 10; repeat++)
        {
            LoopbackGroup.RunWell(Calls.HostsOf(grouping), Options, collective =>
            {
                if (repeat % 2 == 0)
                    collective.Barrier();
                Calls.ReduceOnce(collective, 10_000);
            });
        }
    }

    [Theory]
    [InlineData("00")]
    [InlineData("01")]
    public void ALossBetweenCallsFailsTheNextCall(string grouping)
    {
        using var gone = new ManualResetEventSlim();
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective =>
        {
            collective.Barrier();
            if (collective.Rank == 1)
            {
                collective.Abort(new InvalidOperationException("gone"));
                collective.Dispose();
                gone.Set();
                return;
            }

            Assert.True(gone.Wait(LoopbackGroup.Patience));
            Assert.Equal(1, Assert.Throws<PeerLostException>(collective.Barrier).Peer);
        });
        LoopbackGroup.AssertAllWell(errors);
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public void ARankThatLeavesInsteadOfCallingIsLost(string grouping)
    {
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options, collective =>
        {
            collective.Barrier();
            if (collective.Rank != 1)
                Calls.ReduceOnce(collective, 1000);
        });
        Assert.Null(errors[1]);
        Assert.All(errors.Where((_, rank) => rank != 1), error => Assert.IsType<PeerLostException>(error));
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public void ARankThatNeverCallsIsNamedAfterTheArrivalTimeout(string grouping)
    {
        using var over = new CountdownEvent(grouping.Length - 1);
        var errors = LoopbackGroup.Run(Calls.HostsOf(grouping), Options with { ArrivalTimeout = TimeSpan.FromMilliseconds(150) }, collective =>
        {
            collective.Barrier();
            if (collective.Rank == 1)
            {
                Assert.True(over.Wait(LoopbackGroup.Patience));
                return;
            }

            try
            {
                Calls.ReduceOnce(collective, 1000);
            }
            finally
            {
                over.Signal();
            }
        });
        Assert.Null(errors[1]);
        var timeouts = errors.OfType<CollectiveTimeoutException>().ToArray();
        Assert.NotEmpty(timeouts);
        Assert.Contains(timeouts, error => error.Peer == 1 && error.Message.Contains("while waiting for it to make the call"));
        Assert.All(errors.Where((_, rank) => rank != 1), error => Assert.IsAssignableFrom<CollectiveException>(error));
    }
}
