using System.Net;
using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>Which address may be listened on, and whether it is free.</summary>
internal static class ListenAddress
{
    /// <summary>The end point of an address.</summary>
    /// <exception cref="KaleidoException">It is no http address, or other machines would reach it without <paramref name="insecure"/>.</exception>
    public static IPEndPoint Resolve(Uri listen, bool insecure)
    {
        if (listen.Scheme != Uri.UriSchemeHttp)
            throw KaleidoException.Usage($"The listen address '{listen}' is not an http address; expected one such as http://127.0.0.1:5210.");
        var host = listen.DnsSafeHost;
        var address = host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out var parsed) ? parsed : null;
        if (address is null)
            throw KaleidoException.Usage($"The listen address '{listen}' names a host; expected an IP address of this machine, or localhost.");
        if (!IPAddress.IsLoopback(address) && !insecure)
            throw KaleidoException.Usage($"The listen address '{listen}' can be reached by other machines, and nothing protects it. Listen on 127.0.0.1, or allow it with --insecure in a network you trust.");
        return new IPEndPoint(address, listen.Port);
    }

    /// <summary>Says in one line that a port is taken, before anything is started.</summary>
    /// <exception cref="KaleidoException">Something listens there, or the address is not this machine's.</exception>
    public static void RequireFree(IPEndPoint endPoint)
    {
        try
        {
            using var probe = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(endPoint);
        }
        catch (SocketException error)
        {
            throw NotFree(endPoint, error);
        }
    }

    /// <summary>A loopback port that is free at this moment.</summary>
    public static int FreeLoopbackPort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }

    /// <summary>The error for an end point that cannot be bound.</summary>
    public static KaleidoException NotFree(IPEndPoint endPoint, Exception error)
        => (error as SocketException ?? error.InnerException as SocketException)?.SocketErrorCode == SocketError.AddressNotAvailable
            ? KaleidoException.Usage($"{endPoint.Address} is not an address of this machine. Listen on one of its own.", error)
            : KaleidoException.Usage($"Port {endPoint.Port} on {endPoint.Address} cannot be listened on: {error.Message}. Stop the program that has it, or choose another port (0 picks a free one).", error);
}
