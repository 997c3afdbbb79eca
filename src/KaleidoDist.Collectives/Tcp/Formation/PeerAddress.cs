using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>Turns a published endpoint, <c>host:port</c>, into an address to connect to.</summary>
internal static class PeerAddress
{
    /// <summary>Resolves <paramref name="endpoint"/>; a name is looked up.</summary>
    /// <exception cref="KaleidoException">It is not of the form host:port.</exception>
    /// <exception cref="SocketException">The name is not known.</exception>
    public static IPEndPoint Resolve(string endpoint)
    {
        if (endpoint.LastIndexOf(':') is var colon and > 0
            && ushort.TryParse(endpoint.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port > 0)
        {
            var host = endpoint[..colon];
            var address = IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? literal : Dns.GetHostAddresses(host)[0];
            return new IPEndPoint(address, port);
        }

        throw new KaleidoException($"The data-plane endpoint '{endpoint}' cannot be dialled; expected host:port. Check the worker's data address.");
    }
}
