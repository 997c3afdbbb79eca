using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>What a frame between a donor and a joiner carries.</summary>
internal enum StateFrameKind
{
    /// <summary>Weights and moments as of a step.</summary>
    State = 1,

    /// <summary>The reduced gradient and figures of one step.</summary>
    Step = 2,

    /// <summary>Nothing more will come.</summary>
    End = 3,
}

/// <summary>Header of a frame; the payload's length follows from the kind and the model's size.</summary>
/// <param name="Kind">What follows.</param>
/// <param name="Step">The step it is about.</param>
/// <param name="OptimizerStep">Steps the optimizer took (state).</param>
/// <param name="Counters">The donor's counters (state).</param>
/// <param name="History">What the donor remembers (state).</param>
/// <param name="Hash">Hash of the replica after it (state).</param>
/// <param name="Backlog">Frames that wait behind this one: at 0 the joiner is as close as it can be.</param>
/// <param name="ValueCount">Values of the flat buffers, to compare.</param>
internal readonly record struct StateFrame(StateFrameKind Kind, long Step, long OptimizerStep, ReplicaCounters Counters, ReplicaHistory History, ulong Hash, int Backlog, long ValueCount)
{
    private const uint Magic = 0x5453444B; // KDST
    private const int HistoryAt = 56;

    /// <summary>Length of a header.</summary>
    internal const int ByteCount = HistoryAt + ReplicaHistory.ByteCount;

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], (int)Kind);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], Step);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], OptimizerStep);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], Counters.ReplacedSamples);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[32..], Counters.NonFiniteInARow);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[36..], Backlog);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[40..], Hash);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[48..], ValueCount);
        History.Write(bytes[HistoryAt..]);
    }

    internal static StateFrame Read(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic
        ? throw new InvalidDataException("The donor sent something that is not a frame.")
        : new StateFrame(
            (StateFrameKind)BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            new ReplicaCounters(BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..])),
            ReplicaHistory.Read(bytes[HistoryAt..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]));
}

/// <summary>A connection between a donor and a joiner: each proves that it has the key of the donation, then frames flow one way.</summary>
internal sealed class StateChannel : IDisposable
{
    private const int NonceBytes = 16;
    private const int BlockFloats = 1 << 18;
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(5);

    // A machine that is gone sends no end, and between two frames a step may take any time: the kernels ask each other.
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(10);
    private readonly NetworkStream stream;
    private readonly byte[] header = new byte[StateFrame.ByteCount];

    private StateChannel(Socket socket)
    {
        socket.NoDelay = true;
        PeerLine.Guard(socket, SilenceLimit);
        stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>The donor's end.</summary>
    /// <exception cref="IOException">The joiner is not there, or has another key.</exception>
    internal static StateChannel Dial(string endpoint, ReadOnlySpan<byte> key)
    {
        var colon = endpoint.LastIndexOf(':');
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(endpoint[..colon].Trim('[', ']'), int.Parse(endpoint[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw new IOException($"the joiner at {endpoint} cannot be reached: {error.Message}", error);
        }

        return Prove(new StateChannel(socket), key, mine: "donor", theirs: "joiner");
    }

    /// <summary>The joiner's end.</summary>
    /// <exception cref="IOException">Whoever dialed has another key.</exception>
    internal static StateChannel Accept(Socket socket, ReadOnlySpan<byte> key)
    {
        socket.Blocking = true;
        return Prove(new StateChannel(socket), key, mine: "joiner", theirs: "donor");
    }

    /// <summary>Sends a frame.</summary>
    internal void Send(StateFrame frame, params ReadOnlySpan<FloatRange> payload)
    {
        frame.Write(header);
        stream.Write(header);
        foreach (var range in payload)
        {
            for (long at = 0; at < range.Count; at += BlockFloats)
                stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(range.Slice(at, Math.Min(BlockFloats, range.Count - at)).AsSpan()));
        }
    }

    /// <summary>Waits for a header.</summary>
    /// <exception cref="IOException">The donor is gone.</exception>
    internal StateFrame ReadHeader()
    {
        stream.ReadExactly(header);
        return StateFrame.Read(header);
    }

    /// <summary>Reads a payload.</summary>
    internal void Read(FloatRange range)
    {
        for (long at = 0; at < range.Count; at += BlockFloats)
            stream.ReadExactly(System.Runtime.InteropServices.MemoryMarshal.AsBytes(range.Slice(at, Math.Min(BlockFloats, range.Count - at)).AsSpan()));
    }

    /// <summary>Ends the connection; a call in progress on another thread fails.</summary>
    public void Dispose() => stream.Dispose();

    private static StateChannel Prove(StateChannel channel, ReadOnlySpan<byte> key, string mine, string theirs)
    {
        try
        {
            channel.stream.ReadTimeout = channel.stream.WriteTimeout = (int)HandshakeLimit.TotalMilliseconds;
            byte[] nonce = RandomNumberGenerator.GetBytes(NonceBytes), other = new byte[NonceBytes], proof = new byte[HMACSHA256.HashSizeInBytes];
            channel.stream.Write(nonce);
            channel.stream.ReadExactly(other);
            channel.stream.Write(Proof(key, mine, other));
            channel.stream.ReadExactly(proof);
            if (!CryptographicOperations.FixedTimeEquals(proof, Proof(key, theirs, nonce)))
                throw new IOException("the other end does not have the key of this donation");
            channel.stream.ReadTimeout = channel.stream.WriteTimeout = Timeout.Infinite;
            return channel;
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    private static byte[] Proof(ReadOnlySpan<byte> key, string role, ReadOnlySpan<byte> nonce) => HMACSHA256.HashData(key, [.. Encoding.ASCII.GetBytes(role), .. nonce]);
}
