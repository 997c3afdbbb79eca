using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Hashes of a file that is written, computed while the disk takes it. Memory that is handed over by its address stays in place and unchanged until the next
/// call has returned; so does all of it when this is disposed. Reading has no use for this: what was read is in the processor's cache, and the disk reads ahead.
/// </summary>
internal sealed class BackgroundHash(bool withSha256) : IDisposable
{
    /// <summary>Less than this is hashed before somebody else could begin to.</summary>
    private const int WorthwhileBytes = 1 << 20;

    private readonly FileHash hash = new(withSha256);
    private Task pending = Task.CompletedTask;

    /// <summary>Adds bytes at once.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        pending.Wait();
        hash.Append(bytes);
    }

    /// <summary>Adds bytes that the caller leaves where they are.</summary>
    internal void Append(nint address, long offset, int count)
    {
        pending.Wait();
        if (count < WorthwhileBytes)
            hash.Append(NativeBytes.Read(address, offset, count));
        else
            pending = Task.Run(() => hash.Append(NativeBytes.Read(address, offset, count)));
    }

    /// <summary>What is to be known of the file.</summary>
    internal CheckpointFile Finish(string name, int tensors)
    {
        pending.Wait();
        return hash.Finish(name, tensors);
    }

    /// <summary>Lets go of the caller's memory.</summary>
    public void Dispose()
    {
        pending.Wait();
        hash.Dispose();
    }
}
