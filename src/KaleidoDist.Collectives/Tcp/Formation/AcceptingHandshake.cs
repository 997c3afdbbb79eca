using System.Net.Sockets;
using System.Security.Cryptography;

namespace KaleidoDist.Collectives;

/// <summary>The side that listens: hears who it is, refuses or proves itself, checks the dialer's proof, gives the verdict.</summary>
internal sealed class AcceptingHandshake(Socket socket, Hello expected, ReadOnlyMemory<byte> key, long startedAt) : Handshake(socket, startedAt)
{
    /// <inheritdoc/>
    protected override IEnumerable<short> Converse()
    {
        var helloBytes = new byte[Hello.ByteCount];
        foreach (var need in Receive(helloBytes))
            yield return need;
        var reason = Hello.TryRead(helloBytes, out var hello) ? hello.Judge(expected) : RefusalReason.NotAPeer;
        foreach (var need in Send(Verdict.ToBytes(reason)))
            yield return need;
        if (reason != RefusalReason.None)
        {
            Outcome = HandshakeOutcome.Refused(reason);
            yield break;
        }

        var nonce = RandomNumberGenerator.GetBytes(Hello.NonceByteCount);
        foreach (var need in Send([.. nonce, .. HelloProof.OfAcceptor(key.Span, helloBytes, nonce)]))
            yield return need;

        var dialerProof = new byte[HelloProof.ByteCount];
        foreach (var need in Receive(dialerProof))
            yield return need;
        if (!HelloProof.Matches(dialerProof, HelloProof.OfDialer(key.Span, helloBytes, nonce)))
            reason = RefusalReason.WrongKey;
        foreach (var need in Send(Verdict.ToBytes(reason)))
            yield return need;
        Outcome = reason == RefusalReason.None ? HandshakeOutcome.Joined(hello.Rank) : HandshakeOutcome.Refused(reason);
    }
}
