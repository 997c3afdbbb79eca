using System.Buffers.Binary;
using System.Net.Sockets;

namespace KaleidoDist.Collectives;

/// <summary>
/// What the kernel knows of the way to a peer. A peer that computes, or whose process is stopped, sends no byte for minutes, but its kernel
/// acknowledges every packet: what is not acknowledged for seconds is cut off.
/// </summary>
internal static class PeerLine
{
    private const int TcpProtocol = 6;
    private const int TcpInfo = 11;

    // Offsets in Linux's struct tcp_info, which only ever grew at its end.
    private const int ProbesAt = 3;
    private const int UnacknowledgedAt = 24;
    private const int LastAcknowledgementAt = 56;
    private const int InfoBytes = 60;

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
    public static bool IsUnanswered(Socket socket, TimeSpan limit)
    {
        Span<byte> info = stackalloc byte[InfoBytes];
        if (socket.GetRawSocketOption(TcpProtocol, TcpInfo, info) < InfoBytes)
            return false;
        var isOwed = BinaryPrimitives.ReadUInt32LittleEndian(info[UnacknowledgedAt..]) > 0 || info[ProbesAt] >= LostProbes;
        return isOwed && BinaryPrimitives.ReadUInt32LittleEndian(info[LastAcknowledgementAt..]) >= limit.TotalMilliseconds;
    }

    /// <summary>Whether an error of a connection says that nobody answered.</summary>
    public static bool IsUnreachable(int errno) => errno is Libc.Etimedout or Libc.Ehostunreach or Libc.Enetunreach;
}
