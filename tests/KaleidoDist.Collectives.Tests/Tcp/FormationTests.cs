using System.Net;
using System.Net.Sockets;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class FormationTests : NativeMemoryTest
{
    private static readonly CollectiveOptions Options = LoopbackGroup.Options(8);

    public static TheoryData<RefusalReason> Intruders =>
        [RefusalReason.StaleGeneration, RefusalReason.WrongJob, RefusalReason.WrongRank, RefusalReason.DifferentPlan, RefusalReason.WrongKey];

    [Theory]
    [MemberData(nameof(Intruders))]
    public void AnIntruderIsRefusedAndTheRightGroupStillForms(RefusalReason reason)
    {
        using var listeners = new LoopbackListeners(3);
        var right = listeners.Membership(2);
        var wrong = reason switch
        {
            RefusalReason.StaleGeneration => right with { Generation = 1 },
            RefusalReason.WrongJob => right with { JobId = "another" },
            RefusalReason.WrongKey => right with { SessionKey = new byte[32] },
            RefusalReason.WrongRank => right with { Members = [right.Members[1], right.Members[0], right.Members[2]] }, // Calls rank 0 rank 1.
            _ => right,
        };
        var options = reason == RefusalReason.DifferentPlan ? Options with { ChunkBytes = 64 } : Options;
        FormationException? refusal = null;
        using var refused = new ManualResetEventSlim();

        // Thread 3 claims to be rank 2 while rank 0 forms; the real ones come only after it was refused.
        var errors = LoopbackGroup.RunRanks(4, rank =>
        {
            if (rank == 3)
            {
                using var own = DataPlaneListener.Bind(IPAddress.Loopback);
                refusal = Assert.Throws<FormationException>(() => Collective.Form(wrong, 2, own, options, CancellationToken.None));
                refused.Set();
                return;
            }

            if (rank > 0)
                Assert.True(refused.Wait(LoopbackGroup.Patience));
            using var collective = Collective.Form(right, rank, listeners[rank], Options, CancellationToken.None);
            collective.Barrier();
        });

        LoopbackGroup.AssertAllWell(errors);
        Assert.Equal(reason, refusal!.Reason);
        Assert.InRange(listeners[0].RefusedCount, 1, 2);
        // An intruder without the key finds that out by itself and walks away.
        Assert.Equal(1, listeners[0].RefusedFor(reason == RefusalReason.WrongKey ? RefusalReason.Incomplete : reason));
    }

    [Fact]
    public void AForgedProofIsRefused()
    {
        using var listeners = new LoopbackListeners(2);
        var membership = listeners.Membership();
        var errors = LoopbackGroup.RunRanks(2, rank =>
        {
            if (rank == 1)
            {
                using var forger = Dial(listeners[0]);
                var hello = new Hello(1, 0, 2, Options.VirtualRankCount, Options.ChunkBytes, 1, Options.Transport, Options.WireType, Hello.HashOf("job"));
                forger.Send(hello.ToBytes(new byte[Hello.NonceByteCount]));
                Assert.Equal(RefusalReason.None, Verdict.Read(ReceiveExactly(forger, Verdict.ByteCount)));
                ReceiveExactly(forger, Hello.NonceByteCount + HelloProof.ByteCount);
                forger.Send(new byte[HelloProof.ByteCount]);
                Assert.Equal(RefusalReason.WrongKey, Verdict.Read(ReceiveExactly(forger, Verdict.ByteCount)));
            }

            using var collective = Collective.Form(membership, rank, listeners[rank], Options, CancellationToken.None);
            collective.Barrier();
        });

        LoopbackGroup.AssertAllWell(errors);
        Assert.Equal(1, listeners[0].RefusedFor(RefusalReason.WrongKey));
        Assert.Equal("WrongKey 1", listeners[0].Refusals);
    }

    [Fact]
    public void StrangersAreRefusedAndAMuteOneDelaysNobody()
    {
        using var listeners = new LoopbackListeners(2);
        var membership = listeners.Membership();
        using var mute = Dial(listeners[0]);
        using var browser = Dial(listeners[0]);
        browser.Send(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: somewhere\r\n".PadRight(Hello.ByteCount)));

        // The hello timeout is out of reach: the group cannot have waited for the mute one.
        var options = Options with { HelloTimeout = TimeSpan.FromHours(1), FormationTimeout = TimeSpan.FromHours(1) };
        LoopbackGroup.AssertAllWell(LoopbackGroup.RunRanks(2, rank =>
        {
            if (rank == 1)
                Assert.Equal(RefusalReason.NotAPeer, Verdict.Read(ReceiveExactly(browser, Verdict.ByteCount)));
            using var collective = Collective.Form(membership, rank, listeners[rank], options, CancellationToken.None);
            collective.Barrier();
        }));

        Assert.Equal(1, listeners[0].RefusedFor(RefusalReason.NotAPeer));
    }

    [Fact]
    public void AMuteStrangerIsGivenUpAfterTheHelloTimeout()
    {
        using var listeners = new LoopbackListeners(2);
        using var mute = Dial(listeners[0]);
        var options = Options with { HelloTimeout = TimeSpan.FromMilliseconds(50) };
        LoopbackGroup.AssertAllWell(LoopbackGroup.RunRanks(2, rank =>
        {
            if (rank == 1)
                LoopbackGroup.Until(() => listeners[0].RefusedFor(RefusalReason.Incomplete) == 1, "the mute stranger is refused");
            using var collective = Collective.Form(listeners.Membership(), rank, listeners[rank], options, CancellationToken.None);
            collective.Barrier();
        }));
    }

    [Fact]
    public void ADialerOfANewerGenerationWaitsUntilItsPeerHearsOfIt()
    {
        using var listeners = new LoopbackListeners(2);
        var older = listeners.Membership(1);
        var newer = listeners.Membership(2);
        using var fenced = new CancellationTokenSource();
        var errors = LoopbackGroup.RunRanks(3, thread =>
        {
            switch (thread)
            {
                case 0:
                    Assert.Throws<OperationCanceledException>(() => Collective.Form(older, 0, listeners[0], Options, fenced.Token));
                    goto default;
                case 2:
                    LoopbackGroup.Until(() => listeners[0].RefusedFor(RefusalReason.NewerGeneration) > 0, "the newer generation knocks");
                    fenced.Cancel();
                    break;
                default:
                    using (var collective = Collective.Form(newer, thread, listeners[thread], Options, CancellationToken.None))
                        collective.Barrier();
                    break;
            }
        });
        LoopbackGroup.AssertAllWell(errors);
    }

    [Fact]
    public void AListenerServesOneGenerationAfterAnother()
    {
        using var listeners = new LoopbackListeners(3);
        for (var generation = 1; generation <= 5; generation++)
        {
            var membership = listeners.Membership(generation);
            LoopbackGroup.AssertAllWell(LoopbackGroup.RunRanks(3, rank =>
            {
                using var collective = Collective.Form(membership, rank, listeners[rank], Options, CancellationToken.None);
                Assert.Equal(membership.Generation, collective.Generation);
                collective.Barrier();
            }));
        }

    }

    [Fact]
    public void MissingRanksAreNamed()
    {
        using var listeners = new LoopbackListeners(3);
        var membership = listeners.Membership();
        listeners[0].Dispose(); // Rank 0 is dead, rank 2 never dials.
        var options = Options with { FormationTimeout = TimeSpan.FromMilliseconds(150) };
        var error = Assert.Throws<FormationException>(() => Collective.Form(membership, 1, listeners[1], options, CancellationToken.None));
        Assert.Contains("did not form within 0.15 s at rank 1: missing rank 0 (Connection refused);", error.Message);
        Assert.Contains("rank 2 (has not dialled)", error.Message);
    }

    [Fact]
    public void AnAddressOfAnotherMachineCannotBeBound()
        => Assert.Contains("cannot listen on 192.0.2.1", Assert.Throws<KaleidoException>(() => DataPlaneListener.Bind(IPAddress.Parse("192.0.2.1"))).Message);

    [Fact]
    public void AnEndpointWithoutAPortIsAnErrorForPeople()
        => Assert.Contains("expected host:port", Assert.Throws<KaleidoException>(() => PeerAddress.Resolve("node-7")).Message);

    [Theory]
    [InlineData("127.0.0.1:80", "127.0.0.1:80")]
    [InlineData("[::1]:80", "[::1]:80")]
    public void AnEndpointIsReadAsAddressAndPort(string endpoint, string expected)
        => Assert.Equal(IPEndPoint.Parse(expected), PeerAddress.Resolve(endpoint));

    private static Socket Dial(DataPlaneListener listener)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(listener.LocalEndpoint);
        return socket;
    }

    private static byte[] ReceiveExactly(Socket socket, int count)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            var taken = socket.Receive(bytes.AsSpan(received));
            Assert.NotEqual(0, taken);
            received += taken;
        }

        return bytes;
    }
}
