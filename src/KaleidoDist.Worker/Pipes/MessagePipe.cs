using Google.Protobuf;

namespace KaleidoDist.Worker;

/// <summary>
/// Length-delimited protobuf messages over a pair of byte streams: how an agent and its rank processes talk. Writing is safe from any
/// thread; reading belongs to one.
/// </summary>
public sealed class MessagePipe<TIn, TOut>(Stream input, Stream output) : IDisposable
    where TIn : class, IMessage<TIn>, new()
    where TOut : IMessage<TOut>
{
    // The largest message is the order to start: its data set manifest passed gRPC's bound of a few MB before.
    private const int MaxMessageBytes = 64 << 20;
    private const int VarintBits = 7;
    private const int VarintMore = 1 << VarintBits;

    private readonly MessageParser<TIn> parser = new(static () => new TIn());
    private readonly BufferedStream buffered = new(input, 1 << 16);
    private readonly Lock writing = new();
    private volatile bool isClosed;

    /// <summary>Reads the next message; null when the other side closed its end, be it in the middle of a message.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a message.</exception>
    public TIn? Read()
    {
        try
        {
            if (ReadLength() is not { } length)
                return null;
            var message = new byte[length];
            buffered.ReadExactly(message);
            return parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new InvalidDataException($"{typeof(TIn).Name} expected; {error.Message}", error);
        }
        catch (Exception error) when (isClosed || error is IOException or ObjectDisposedException)
        {
            // A stream that is closed under its reader may throw anything.
            return null;
        }
    }

    /// <summary>Writes a message; false when the other side is gone.</summary>
    public bool TryWrite(TOut message)
    {
        lock (writing)
        {
            // Signs of life come from a thread that nobody waits for: closed streams of consoles do not refuse, they throw something else.
            if (isClosed)
                return false;
            try
            {
                message.WriteDelimitedTo(output);
                output.Flush();
                return true;
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>Closes both ends.</summary>
    public void Dispose()
    {
        isClosed = true;
        buffered.Dispose();
        lock (writing)
        {
            try
            {
                output.Dispose();
            }
            catch (IOException)
            {
                // The other side closed first; there is nothing left to flush to.
            }
        }
    }

    /// <summary>The length before a message, a varint; null at the end of the stream.</summary>
    private int? ReadLength()
    {
        var length = 0L;
        for (var shift = 0; length <= MaxMessageBytes && shift <= 4 * VarintBits; shift += VarintBits)
        {
            var next = buffered.ReadByte();
            if (next < 0)
                return null;
            length |= (long)(next & (VarintMore - 1)) << shift;
            if (next < VarintMore && length <= MaxMessageBytes)
                return (int)length;
        }

        throw new InvalidDataException($"{typeof(TIn).Name} expected; found a length above {MaxMessageBytes} bytes");
    }
}
