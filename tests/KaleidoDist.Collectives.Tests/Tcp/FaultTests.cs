using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class FaultTests : NativeMemoryTest
{
    private const int Size = 300_000;

    private static readonly CollectiveOptions Options = LoopbackGroup.Options(8);

    [Fact]
    public void ADeathMidCollectiveEndsAllSurvivorsWithPeerLost()
    {
        var errors = RunWithRawPeer(4, Options, rank => Options, peer =>
        {
            for (var survivor = 0; survivor < 3; survivor++)
            {
                peer.SendHeader(survivor, AllReduceHeader(1));
                peer.Send(survivor, new byte[1000]); // Part of a chunk.
                peer.ReceiveHeader(survivor); // All of them are in the collective.
            }

            peer.Dispose();
        });

        var lost = Survivors(errors).Select(Assert.IsType<PeerLostException>).ToArray();
        Assert.Contains(lost, error => error.Peer == 3);
        Assert.All(lost, error => Assert.Equal(1, error.Generation));
    }

    [Fact]
    public void ARankThatGivesUpEndsAllOthersWithPeerLost()
    {
        var errors = LoopbackGroup.Run(5, Options, collective =>
        {
            collective.Barrier();
            if (collective.Rank == 2)
            {
                collective.Abort(new InvalidDataException("bad news"));
                Assert.Throws<CollectiveAbortedException>(collective.Barrier);
            }
            else
            {
                ReduceOnce(collective);
            }
        });

        Assert.Null(errors[2]);
        Assert.All(errors.Where((_, rank) => rank != 2), error => Assert.IsType<PeerLostException>(error));
    }

    [Fact]
    public void ASilentPeerMidCollectiveIsNamed()
    {
        // Only rank 0 is impatient: its verdict is its own, rank 1 then sees the reset.
        var errors = RunWithRawPeer(
            3,
            Options,
            rank => rank == 0 ? Options with { ProgressTimeout = TimeSpan.FromMilliseconds(150) } : Options,
            peer =>
            {
                peer.SendHeader(0, AllReduceHeader(1));
                peer.SendHeader(1, AllReduceHeader(1));
                peer.DrainUntilReset(0);
            });

        var timeout = Assert.IsType<CollectiveTimeoutException>(errors[0]);
        Assert.Equal(2, timeout.Peer);
        Assert.Equal(
            "Rank 2 of generation 1 is silent in all-reduce of 300000 float32 (call 1): no byte moved for 0.15 s while waiting for its data. Look at the log of rank 2.",
            timeout.Message);
        Assert.IsType<PeerLostException>(errors[1]);
    }

    [Fact]
    public void APeerThatNeverCallsIsNamedAfterTheArrivalTimeout()
    {
        var errors = RunWithRawPeer(
            3,
            Options,
            rank => rank == 1 ? Options with { ArrivalTimeout = TimeSpan.FromMilliseconds(150), ProgressTimeout = TimeSpan.FromMilliseconds(1) } : Options,
            peer => peer.DrainUntilReset(1));

        var timeout = Assert.IsType<CollectiveTimeoutException>(errors[1]);
        Assert.Equal(2, timeout.Peer);
        Assert.Contains("while waiting for it to make the call", timeout.Message);
        Assert.IsType<PeerLostException>(errors[0]); // Of rank 1 or 2: both close.
    }

    [Fact]
    public void AbortWakesACallThatWaits()
    {
        var errors = RunWithRawPeer(2, Options, _ => Options, peer => peer.DrainUntilReset(0), (collective, _) =>
        {
            var cause = new TimeoutException("the coordinator says generation 2");
            var aborter = new Thread(() => collective.Abort(cause));
            aborter.Start();
            var first = Assert.Throws<CollectiveAbortedException>(collective.Barrier);
            aborter.Join();
            Assert.Same(cause, first.InnerException);
            Assert.Same(first, Assert.Throws<CollectiveAbortedException>(() => ReduceOnce(collective)));
        });
        LoopbackGroup.AssertAllWell(errors);
    }

    [Fact]
    public void DifferentSizesAreAMismatchOnBothSides()
    {
        var errors = LoopbackGroup.Run(2, Options, collective => ReduceOnce(collective, 1000 + collective.Rank));
        Assert.Equal(1, Assert.IsType<CollectiveMismatchException>(errors[0]).Peer);
        Assert.Equal(0, Assert.IsType<CollectiveMismatchException>(errors[1]).Peer);
        Assert.StartsWith(
            "Rank 0 called all-reduce of 1000 float32 (call 1), rank 1 called all-reduce of 1001 float32 (call 1) in generation 1;", errors[0]!.Message);
    }

    [Fact]
    public void DifferentCallsAreAMismatchOnBothSides()
    {
        using var values = NativeBuffer.OfFloats(8);
        Action<ICollective>[] calls =
        [
            collective => collective.Barrier(),
            collective => collective.AllGather(new byte[32], new byte[64]),
            collective => collective.Broadcast(values.Floats, 0),
            collective => collective.Broadcast(values.Floats, 1),
            collective => ReduceOnce(collective, 8),
        ];
        for (var i = 0; i < calls.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var errors = LoopbackGroup.Run(2, Options, collective =>
                {
                    collective.Barrier();
                    calls[collective.Rank == 0 ? i : j](collective);
                });
                Assert.All(errors, error => Assert.IsType<CollectiveMismatchException>(error));
            }
        }
    }

    [Fact]
    public void ARankThatSkipsACallIsAMismatch()
    {
        var errors = LoopbackGroup.Run(3, Options, collective =>
        {
            if (collective.Rank != 1)
                ReduceOnce(collective, 100_000);
            collective.Barrier();
        });
        Assert.All(errors, error => Assert.IsAssignableFrom<CollectiveException>(error));
        Assert.IsType<CollectiveMismatchException>(errors[1]);
    }

    [Fact]
    public void ARankThatIsDoneMayLeaveWhileOthersFinish()
    {
        for (var repeat = 0; repeat < 20; repeat++)
        {
            LoopbackGroup.RunWell(4, Options, collective =>
            {
                ReduceOnce(collective, 10_000);
                collective.Barrier();
            });
        }
    }

    [Fact]
    public void ALossBetweenCallsFailsTheNextCall()
    {
        using var gone = new ManualResetEventSlim();
        var errors = LoopbackGroup.Run(2, Options, collective =>
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

    /// <summary>The last rank is raw; the others run <paramref name="body"/> (an all-reduce by default).</summary>
    private static Exception?[] RunWithRawPeer(
        int worldSize,
        CollectiveOptions rawOptions,
        Func<int, CollectiveOptions> options,
        Action<RawPeer> raw,
        Action<ICollective, int>? body = null)
    {
        using var listeners = new LoopbackListeners(worldSize);
        var membership = listeners.Membership();
        var errors = LoopbackGroup.RunRanks(worldSize, rank =>
        {
            if (rank == worldSize - 1)
            {
                using var peer = new RawPeer(membership, rank, listeners[rank], rawOptions);
                raw(peer);
                return;
            }

            using var collective = Collective.Form(membership, rank, listeners[rank], options(rank), CancellationToken.None);
            if (body is null)
                ReduceOnce(collective);
            else
                body(collective, rank);
        });
        Assert.Null(errors[^1]);
        return errors;
    }

    private static IEnumerable<Exception?> Survivors(Exception?[] errors) => errors.SkipLast(1);

    private static CollectiveHeader AllReduceHeader(ulong sequence) => new(sequence, CollectiveKind.AllReduce, ElementType.Float32, 0, Size);

    private static void ReduceOnce(ICollective collective) => ReduceOnce(collective, Size);

    private static void ReduceOnce(ICollective collective, int count)
    {
        using var values = NativeBuffer.OfFloats(count);
        var leaves = VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount);
        collective.AllReduce([.. collective.Tree.Decompose(leaves).Select(subtree => new SubtreePartial(subtree, values.Floats))], values.Floats);
    }
}
