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
    private readonly MessageParser<TIn> parser = new(static () => new TIn());
    private readonly BufferedStream buffered = new(input, 1 << 16);
    private readonly Lock writing = new();

    /// <summary>Reads the next message; null when the other side closed its end.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a message.</exception>
    public TIn? Read()
    {
        try
        {
            return parser.ParseDelimitedFrom(buffered);
        }
        catch (InvalidProtocolBufferException error) when (error.Message.Contains("ended unexpectedly", StringComparison.Ordinal))
        {
            return null;
        }
        catch (Exception error) when (error is (IOException and not InvalidProtocolBufferException) or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Writes a message; false when the other side is gone.</summary>
    public bool TryWrite(TOut message)
    {
        lock (writing)
        {
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
}
