using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// The connection to one peer, and where it stands in the collective in progress. Used by the communication thread alone. Moves bytes
/// and remembers when the socket would have blocked; decides nothing.
/// </summary>
internal sealed class PeerConnection : IDisposable
{
    /// <summary>Most bytes one system call moves: enough to make calls cheap, little enough to stay in the cache and to be fair to other peers.</summary>
    private const int MaxCallBytes = 256 * 1024;

    private readonly Socket socket;
    private readonly int descriptor;
    private readonly nint ownHeader;
    private readonly nint peerHeader;
    private int headerBytesSent;
    private int headerBytesReceived;

    /// <summary>Wraps a proven connection and owns it.</summary>
    /// <param name="rank">The rank at the other end.</param>
    /// <param name="socket">The connection.</param>
    /// <param name="ownHeader">Where this rank's header of the call lies.</param>
    /// <param name="peerHeader">Room for the peer's header.</param>
    /// <param name="unreachableTimeout">How long the peer's kernel may owe an answer.</param>
    public PeerConnection(int rank, Socket socket, nint ownHeader, nint peerHeader, TimeSpan unreachableTimeout)
    {
        Rank = rank;
        this.socket = socket;
        this.ownHeader = ownHeader;
        this.peerHeader = peerHeader;
        socket.Blocking = false;
        PeerLine.Guard(socket, unreachableTimeout);
        descriptor = (int)socket.Handle;
    }

    /// <summary>The rank at the other end.</summary>
    public int Rank { get; }

    /// <summary>The descriptor to poll.</summary>
    public int Descriptor => descriptor;

    /// <summary>False after a call that found the socket full, until poll says otherwise.</summary>
    public bool CanSend { get; set; } = true;

    /// <summary>False after a call that found the socket empty, until poll says otherwise.</summary>
    public bool CanReceive { get; set; } = true;

    /// <summary>True once the peer has closed its side between collectives: it will not enter another one.</summary>
    public bool HasLeft { get; set; }

    /// <summary>Time stamp of the last bytes from the peer.</summary>
    public long LastReceivedAt { get; set; }

    /// <summary>What is left of the header to send.</summary>
    public ByteRange OutgoingHeader => new(ownHeader + headerBytesSent, CollectiveHeader.ByteCount - headerBytesSent);

    /// <summary>What is left of the header to receive.</summary>
    public ByteRange IncomingHeader => new(peerHeader + headerBytesReceived, CollectiveHeader.ByteCount - headerBytesReceived);

    /// <summary>The peer's header, once it has arrived.</summary>
    public CollectiveHeader Header => CollectiveHeader.Read(new ByteRange(peerHeader, CollectiveHeader.ByteCount).AsSpan());

    /// <summary>Starts a collective: headers come first, in both directions.</summary>
    public void BeginCollective(long now)
    {
        headerBytesSent = headerBytesReceived = 0;
        LastReceivedAt = now;
    }

    /// <summary>Counts header bytes as sent.</summary>
    public void HeaderSent(int byteCount) => headerBytesSent += byteCount;

    /// <summary>Counts header bytes as received.</summary>
    public void HeaderReceived(int byteCount) => headerBytesReceived += byteCount;

    /// <summary>Sends what the socket takes of <paramref name="range"/>.</summary>
    /// <param name="range">What to send; not empty.</param>
    /// <param name="more">True when more follows at once.</param>
    /// <param name="error">errno when the connection is broken, else 0.</param>
    /// <returns>Bytes taken; 0 when the socket is full.</returns>
    public int Send(ByteRange range, bool more, out int error)
    {
        var wanted = (int)Math.Min(range.Count, MaxCallBytes);
        nint taken;
        do
        {
            taken = Libc.Send(descriptor, range.Address, (nuint)wanted, Libc.MsgDontWait | Libc.MsgNoSignal | (more ? Libc.MsgMore : 0));
            error = taken < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (error == Libc.Eintr);
        CanSend = taken == wanted;
        error = error == Libc.Eagain ? 0 : error;
        return (int)Math.Max(taken, 0);
    }

    /// <summary>Receives what the socket has for <paramref name="range"/>.</summary>
    /// <param name="range">Where it goes; not empty.</param>
    /// <param name="isClosed">True when the peer closed its side.</param>
    /// <param name="error">errno when the connection is broken, else 0.</param>
    /// <returns>Bytes received; 0 when the socket is empty or closed.</returns>
    public int Receive(ByteRange range, out bool isClosed, out int error)
    {
        var wanted = (int)Math.Min(range.Count, MaxCallBytes);
        nint taken;
        do
        {
            taken = Libc.Receive(descriptor, range.Address, (nuint)wanted, Libc.MsgDontWait);
            error = taken < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (error == Libc.Eintr);
        isClosed = taken == 0;
        CanReceive = taken == wanted;
        error = error == Libc.Eagain ? 0 : error;
        return (int)Math.Max(taken, 0);
    }

    /// <summary>Why the connection broke, as errno; 0 when the kernel has nothing to say, or said it before.</summary>
    public int TakeError() => (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;

    /// <summary>Whether the peer's kernel owes an acknowledgement for longer than <paramref name="limit"/>.</summary>
    public bool IsUnanswered(TimeSpan limit) => PeerLine.IsUnanswered(socket, limit);

    /// <summary>What was sent to the peer so far. May be asked from any thread.</summary>
    public LineTraffic Traffic => PeerLine.Traffic(socket);

    /// <summary>Closes so that the peer sees a reset and stops waiting.</summary>
    public void Reset()
    {
        if (!socket.SafeHandle.IsClosed)
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    /// <summary>Closes in good order: what was sent still arrives.</summary>
    public void Dispose() => socket.Dispose();
}
