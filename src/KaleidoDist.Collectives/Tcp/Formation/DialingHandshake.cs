using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace KaleidoDist.Collectives;

/// <summary>The side that connects: says who it is, checks the acceptor's proof, gives its own, waits for the verdict.</summary>
internal sealed class DialingHandshake(IPEndPoint remote, Hello hello, ReadOnlyMemory<byte> key, long startedAt)
    : Handshake(new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp), startedAt)
{
    /// <summary>The rank it dials.</summary>
    public int Target => hello.WantedRank;

    /// <summary>Whether the other side's kernel has answered, whatever its program does.</summary>
    public bool IsConnected { get; private set; }

    /// <inheritdoc/>
    protected override IEnumerable<short> Converse()
    {
        if (!TryConnect())
        {
            yield return Libc.PollOut;
            ThrowIfNotConnected();
        }

        IsConnected = true;

        var helloBytes = hello.ToBytes(RandomNumberGenerator.GetBytes(Hello.NonceByteCount));
        foreach (var need in Send(helloBytes))
            yield return need;

        var answer = new byte[Verdict.ByteCount];
        foreach (var need in Receive(answer))
            yield return need;
        if (Verdict.Read(answer) is not RefusalReason.None and var refused)
        {
            Outcome = HandshakeOutcome.Refused(refused);
            yield break;
        }

        var nonce = new byte[Hello.NonceByteCount];
        foreach (var need in Receive(nonce))
            yield return need;
        var acceptorProof = new byte[HelloProof.ByteCount];
        foreach (var need in Receive(acceptorProof))
            yield return need;
        if (!HelloProof.Matches(acceptorProof, HelloProof.OfAcceptor(key.Span, helloBytes, nonce)))
        {
            Outcome = HandshakeOutcome.Refused(RefusalReason.WrongKey);
            yield break;
        }

        foreach (var need in Send(HelloProof.OfDialer(key.Span, helloBytes, nonce)))
            yield return need;
        foreach (var need in Receive(answer))
            yield return need;
        Outcome = Verdict.Read(answer) is not RefusalReason.None and var reason
            ? HandshakeOutcome.Refused(reason)
            : HandshakeOutcome.Joined(Target);
    }

    private bool TryConnect()
    {
        try
        {
            Socket.Connect(remote);
            return true;
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            return false;
        }
    }

    private void ThrowIfNotConnected()
    {
        var error = (int)Socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
        if (error != 0)
            throw new SocketException(error);
    }
}
