using System.Buffers.Binary;
using System.Net.Sockets;

namespace KaleidoDist.Collectives;

/// <summary>
/// What the kernel knows of the way to a peer. A peer that computes, or whose process is stopped, sends no byte for minutes, but its kernel
/// acknowledges every packet: what is not acknowledged for seconds is cut off.
/// </summary>
public static class PeerLine
{
    private const int TcpProtocol = 6;
    private const int TcpInfo = 11;

    // Offsets in Linux's struct tcp_info, which only ever grew at its end.
    private const int ProbesAt = 3;
    private const int UnacknowledgedAt = 24;
    private const int LastAcknowledgementAt = 56;
    private const int InfoBytes = 60;
    private const int AcknowledgedBytesAt = 120;
    private const int BusyMicrosecondsAt = 168;
    private const int ReceiverFullMicrosecondsAt = 176;
    private const int TrafficInfoBytes = 184;

    /// <summary>Probes of a full receiver that stay unanswered before that means something: the first may be on its way.</summary>
    private const int LostProbes = 2;

    private const int ProbeSeconds = 1;
    private const int ProbeCount = 5;

    /// <summary>Lets the kernel probe the peer while nothing is under way, and break the connection when it does not answer for <paramref name="limit"/>.</summary>
    public static void Guard(Socket socket, TimeSpan limit)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, Math.Max(1, (int)limit.TotalSeconds - (ProbeSeconds * ProbeCount)));
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, ProbeSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, ProbeCount);
    }

    /// <summary>Whether something that was sent more than <paramref name="limit"/> ago is not acknowledged. Only asked after a silence at least as long.</summary>
    internal static bool IsUnanswered(Socket socket, TimeSpan limit)
    {
        Span<byte> info = stackalloc byte[InfoBytes];
        if (socket.GetRawSocketOption(TcpProtocol, TcpInfo, info) < InfoBytes)
            return false;
        var isOwed = BinaryPrimitives.ReadUInt32LittleEndian(info[UnacknowledgedAt..]) > 0 || info[ProbesAt] >= LostProbes;
        return isOwed && BinaryPrimitives.ReadUInt32LittleEndian(info[LastAcknowledgementAt..]) >= limit.TotalMilliseconds;
    }

    /// <summary>What was sent since the connection was made, and how long that took. Nothing where the kernel does not count it, and for a connection that is closed.</summary>
    internal static LineTraffic Traffic(Socket socket)
    {
        Span<byte> info = stackalloc byte[TrafficInfoBytes];
        try
        {
            if (socket.GetRawSocketOption(TcpProtocol, TcpInfo, info) < TrafficInfoBytes)
                return default;
        }
        catch (Exception error) when (error is ObjectDisposedException or SocketException)
        {
            return default; // The communication thread gave the group up meanwhile: the next call says why.
        }

        // A receiver that reads slowly or not at all has no room in the end: the network is not to blame for that time.
        var busy = BinaryPrimitives.ReadUInt64LittleEndian(info[BusyMicrosecondsAt..]);
        var receiverFull = BinaryPrimitives.ReadUInt64LittleEndian(info[ReceiverFullMicrosecondsAt..]);
        return new LineTraffic((long)BinaryPrimitives.ReadUInt64LittleEndian(info[AcknowledgedBytesAt..]), TimeSpan.FromMicroseconds(busy > receiverFull ? busy - receiverFull : 0));
    }

    /// <summary>Whether an error of a connection says that nobody answered.</summary>
    internal static bool IsUnreachable(int errno) => errno is Libc.Etimedout or Libc.Ehostunreach or Libc.Enetunreach;
}
