using System.Net.Sockets;

namespace KaleidoDist.Collectives;

/// <summary>How a <see cref="Handshake"/> ended.</summary>
/// <param name="Peer">The rank at the other end, when it is proven.</param>
/// <param name="Reason">Why the connection was refused, by either side.</param>
/// <param name="Failure">What broke, when the connection did.</param>
internal sealed record HandshakeOutcome(int? Peer, RefusalReason Reason, string? Failure)
{
    /// <summary>The peer is who it says.</summary>
    public static HandshakeOutcome Joined(int peer) => new(peer, RefusalReason.None, null);

    /// <summary>One side refused the other.</summary>
    public static HandshakeOutcome Refused(RefusalReason reason) => new(null, reason, null);

    /// <summary>The connection broke, or the other side took too long.</summary>
    public static HandshakeOutcome Broken(string failure) => new(null, RefusalReason.Incomplete, failure);
}

/// <summary>
/// One side of the hello on one non-blocking socket. <see cref="Converse"/> tells the protocol top to bottom and yields the poll event it
/// needs whenever it would have to wait, so that one thread carries many handshakes and a mute stranger delays nobody.
/// </summary>
internal abstract class Handshake : IDisposable
{
    private readonly IEnumerator<short> conversation;
    private Socket? socket;

    /// <summary>Starts the conversation of <paramref name="socket"/>, which it owns until it is taken.</summary>
    protected Handshake(Socket socket, long startedAt)
    {
        this.socket = socket;
        StartedAt = startedAt;
        socket.Blocking = false;
        socket.NoDelay = true;
        conversation = Converse().GetEnumerator();
    }

    /// <summary>Time stamp of the start.</summary>
    public long StartedAt { get; }

    /// <summary>The descriptor to poll.</summary>
    public int Descriptor => (int)Socket.Handle;

    /// <summary>The poll event the conversation waits for.</summary>
    public short AwaitedEvent => conversation.Current;

    /// <summary>How it ended; null while it goes on.</summary>
    public HandshakeOutcome? Outcome { get; protected set; }

    /// <summary>Whether it was given up because the other side took too long.</summary>
    public bool IsExpired { get; private set; }

    /// <summary>The socket of the conversation.</summary>
    protected Socket Socket => socket ?? throw new ObjectDisposedException(nameof(Handshake));

    /// <summary>Goes on until it must wait or ends.</summary>
    public void Advance()
    {
        try
        {
            if (!conversation.MoveNext())
                Outcome ??= HandshakeOutcome.Broken("the handshake ended without an outcome");
        }
        catch (Exception error) when (error is SocketException or EndOfStreamException)
        {
            Outcome = HandshakeOutcome.Broken(error.Message);
        }
    }

    /// <summary>Gives up on the other side.</summary>
    public void Expire(TimeSpan limit)
    {
        IsExpired = true;
        Outcome = HandshakeOutcome.Broken($"no complete hello within {limit.InSeconds()}");
    }

    /// <summary>Hands the proven connection over.</summary>
    public Socket TakeSocket()
    {
        var taken = Socket;
        socket = null;
        return taken;
    }

    /// <summary>Closes the connection, unless it was taken.</summary>
    public void Dispose()
    {
        conversation.Dispose();
        socket?.Dispose();
    }

    /// <summary>The protocol; sets <see cref="Outcome"/> at its end.</summary>
    protected abstract IEnumerable<short> Converse();

    /// <summary>Sends all of <paramref name="bytes"/>.</summary>
    protected IEnumerable<short> Send(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += Socket.Send(bytes.AsSpan(sent), SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
                yield return Libc.PollOut;
            else if (error != SocketError.Success)
                throw new SocketException((int)error);
        }
    }

    /// <summary>Fills <paramref name="bytes"/>.</summary>
    protected IEnumerable<short> Receive(byte[] bytes)
    {
        for (var received = 0; received < bytes.Length;)
        {
            var count = Socket.Receive(bytes.AsSpan(received), SocketFlags.None, out var error);
            received += count;
            if (error == SocketError.WouldBlock)
                yield return Libc.PollIn;
            else if (error != SocketError.Success)
                throw new SocketException((int)error);
            else if (count == 0)
                throw new EndOfStreamException("the other side closed the connection during the hello");
        }
    }
}
