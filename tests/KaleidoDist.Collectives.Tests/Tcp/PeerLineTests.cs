using System.Net;
using System.Net.Sockets;

namespace KaleidoDist.Collectives.Tests;

public sealed class PeerLineTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(200);

    [Fact]
    public void APeerThatReadsNothingForLongIsNotTakenForCutOff()
    {
        var (sender, receiver) = Connect();
        using (sender)
        using (receiver)
        {
            sender.Blocking = false;
            var block = new byte[1 << 20];
            do
                sender.Send(block, SocketFlags.None, out _);
            while (sender.Poll(Limit * 3, SelectMode.SelectWrite)); // Until the receiver's window has been closed for a while.
            Assert.False(PeerLine.IsUnanswered(sender, Limit));
        }
    }

    [Fact]
    public void APeerThatHasHadNothingToAcknowledgeIsNotTakenForCutOff()
    {
        var (sender, receiver) = Connect();
        using (sender)
        using (receiver)
        {
            sender.Send([1]);
            Assert.Equal(1, receiver.Receive(new byte[1]));
            Assert.False(sender.Poll(Limit * 3, SelectMode.SelectRead));
            Assert.False(PeerLine.IsUnanswered(sender, Limit));
        }
    }

    [Fact]
    public void APeerThatReadsNothingIsNotTakenForASlowNetwork()
    {
        var (sender, receiver) = Connect();
        using (sender)
        using (receiver)
        {
            sender.Blocking = false;
            var block = new byte[1 << 20];
            do
                sender.Send(block, SocketFlags.None, out _);
            while (sender.Poll(Limit, SelectMode.SelectWrite)); // Until the receiver has no room any more.
            var full = PeerLine.Traffic(sender);
            Assert.False(sender.Poll(Limit * 5, SelectMode.SelectWrite));
            Assert.InRange(PeerLine.Traffic(sender).Since(full).Travel, TimeSpan.Zero, Limit);
            Assert.InRange(full.Bytes, 1, long.MaxValue);
        }
    }

    [Fact]
    public void AConnectionThatIsClosedHasNoTraffic()
    {
        var (sender, receiver) = Connect();
        sender.Dispose();
        receiver.Dispose();
        Assert.Equal(default, PeerLine.Traffic(sender));
        Assert.Equal(default, PeerLine.Traffic(sender).Since(new LineTraffic(5, Limit)));
    }

    [Theory]
    [InlineData(110, true)] // ETIMEDOUT
    [InlineData(113, true)] // EHOSTUNREACH
    [InlineData(104, false)] // ECONNRESET: its program, or a peer's loss
    public void OnlyErrorsOfTheWayItselfSayThatAPeerCannotBeReached(int errno, bool isUnreachable) => Assert.Equal(isUnreachable, PeerLine.IsUnreachable(errno));

    [Fact]
    public void AGuardedConnectionIsProbedByTheKernelWithinTheLimit()
    {
        var (guarded, other) = Connect();
        using (guarded)
        using (other)
        {
            PeerLine.Guard(guarded, TimeSpan.FromSeconds(8));
            Assert.Equal(
                (1, 3, 1, 5),
                (Option(SocketOptionLevel.Socket, SocketOptionName.KeepAlive), Option(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime),
                    Option(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval), Option(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)));
        }

        int Option(SocketOptionLevel level, SocketOptionName name) => (int)guarded.GetSocketOption(level, name)!;
    }

    private static (Socket Sender, Socket Receiver) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        sender.Connect(listener.LocalEndPoint!);
        return (sender, listener.Accept());
    }
}
