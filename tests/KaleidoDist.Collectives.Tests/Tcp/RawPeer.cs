using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>A rank that joins its group in good order and then does on the wire whatever a test wants: stops halfway, dies, lies.</summary>
internal sealed class RawPeer : IDisposable
{
    private readonly Socket?[] sockets;

    public RawPeer(Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options)
    {
        using var formation = new MeshFormation(membership, rank, listener, options);
        sockets = formation.Run(CancellationToken.None);
        foreach (var socket in sockets)
            socket?.Blocking = true;
    }

    public void Send(int peer, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[sockets[peer]!.Send(bytes)..];
    }

    public void SendHeader(int peer, CollectiveHeader header)
    {
        Span<byte> bytes = stackalloc byte[CollectiveHeader.ByteCount];
        header.WriteTo(bytes);
        Send(peer, bytes);
    }

    public CollectiveHeader ReceiveHeader(int peer)
    {
        Span<byte> bytes = stackalloc byte[CollectiveHeader.ByteCount];
        for (var received = 0; received < bytes.Length;)
        {
            var count = sockets[peer]!.Receive(bytes[received..]);
            Assert.NotEqual(0, count);
            received += count;
        }

        return CollectiveHeader.Read(bytes);
    }

    /// <summary>Stays connected and silent until a peer resets the connection.</summary>
    public void DrainUntilReset(int peer)
    {
        var bytes = new byte[4096];
        var error = Assert.Throws<SocketException>(Drain);
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);

        void Drain()
        {
            while (true)
                Assert.NotEqual(0, sockets[peer]!.Receive(bytes));
        }
    }

    /// <summary>Closes as the system does for a process that was killed.</summary>
    public void Dispose()
    {
        foreach (var socket in sockets)
            socket?.Dispose();
    }
}
