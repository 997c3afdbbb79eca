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

    private static void ReduceOnce(ICollective collective) => Calls.ReduceOnce(collective, Size);
}
