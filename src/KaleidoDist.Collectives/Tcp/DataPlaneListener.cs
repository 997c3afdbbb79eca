using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// Where a rank's peers connect. Bound before the endpoint is published, so that no port is guessed, and kept over generations:
/// whatever an older generation left in its queue is refused and counted.
/// </summary>
public sealed class DataPlaneListener : IDisposable
{
    /// <summary>Connections the system queues; beyond it dialers try again.</summary>
    private const int Backlog = 128;

    private readonly Socket socket;
    private readonly ConcurrentDictionary<RefusalReason, long> refusals = new();

    private DataPlaneListener(Socket socket) => this.socket = socket;

    /// <summary>The address and the port the system chose.</summary>
    public IPEndPoint LocalEndpoint => (IPEndPoint)socket.LocalEndPoint!;

    /// <summary>Connections that asked to join and were refused, for any reason.</summary>
    public long RefusedCount => refusals.Values.Sum();

    /// <summary>Refused connections by reason, for logs: <c>StaleGeneration 2, WrongKey 1</c>; empty while there are none.</summary>
    public string Refusals => string.Join(", ", refusals.OrderBy(refusal => refusal.Key).Select(refusal => $"{refusal.Key} {refusal.Value}"));

    /// <summary>The descriptor to poll for connections.</summary>
    internal int Descriptor => (int)socket.Handle;

    /// <summary>Starts to listen on a free port of <paramref name="address"/>.</summary>
    /// <exception cref="KaleidoException">The address is not one of this machine.</exception>
    public static DataPlaneListener Bind(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Bind(new IPEndPoint(address, 0));
            socket.Listen(Backlog);
            return new DataPlaneListener(socket);
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw new KaleidoException(
                $"The data plane cannot listen on {address}: {error.Message}; expected an address of this machine. Set the worker's data address to one.",
                ExitCode.Failed,
                error);
        }
    }

    /// <summary>The endpoint to publish: <c>host:port</c>, under the name or address by which peers reach this machine.</summary>
    public string EndpointAt(string host)
        => host.Contains(':') && !host.StartsWith('[') ? $"[{host}]:{LocalEndpoint.Port}" : $"{host}:{LocalEndpoint.Port}";

    /// <summary>Connections refused for <paramref name="reason"/>.</summary>
    public long RefusedFor(RefusalReason reason) => refusals.GetValueOrDefault(reason);

    /// <summary>Stops listening.</summary>
    public void Dispose() => socket.Dispose();

    /// <summary>The next waiting connection, or null. While no group forms, it belongs to whoever has an appointment with this rank.</summary>
    public Socket? TryAccept()
    {
        try
        {
            return socket.Accept();
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.ConnectionAborted or SocketError.ConnectionReset)
        {
            return null;
        }
    }

    /// <summary>Counts a refused connection.</summary>
    internal void CountRefusal(RefusalReason reason) => refusals.AddOrUpdate(reason, 1, (_, count) => count + 1);
}
