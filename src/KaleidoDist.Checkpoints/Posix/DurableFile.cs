namespace KaleidoDist.Checkpoints;

/// <summary>
/// A new file on its way to the disk: create, reserve, write from start to end, <see cref="Sync"/>, <see cref="Close"/>. Every error
/// is thrown, and ends the file: its owner gives it up under this name and starts anew under another. A file that is reserved with room for
/// a chunk or more is written past the page cache where the file system can (O_DIRECT): straight from the caller's memory when that has a
/// page's alignment, else from a chunk that it is gathered in. Elsewhere each chunk is sent on its way at once, which leaves little to the fsync.
/// </summary>
public sealed class DurableFile : IStorageFile
{
    /// <summary>Bytes given to the disk at a time.</summary>
    internal const int ChunkBytes = 8 << 20;

    /// <summary>Less than this is not worth a write of its own.</summary>
    private const int WorthwhileBytes = 64 << 10;

    private const int Closed = -1;
    private readonly string path;
    private int descriptor;
    private long length;   // what the caller has written
    private long written;  // what the disk was given of it: behind it lies what is gathered
    private AlignedMemory? chunk;
    private bool isDirect;

    private DurableFile(string path, int descriptor, bool isDirect) => (this.path, this.descriptor, this.isDirect) = (path, descriptor, isDirect);

    /// <summary>Whether the page cache is passed by.</summary>
    internal bool IsDirect => isDirect;

    /// <summary>Creates a file that must not exist.</summary>
    /// <exception cref="PosixException">It exists, or cannot be created.</exception>
    public static DurableFile CreateNew(string path) => new(path, Posix.CreateNew(path), isDirect: false);

    /// <summary>Opens a file that exists, to write over it from its start. For devices: checkpoints are never written over.</summary>
    internal static DurableFile OpenExisting(string path) => new(path, Posix.OpenExisting(path), isDirect: false);

    /// <inheritdoc/>
    public void Preallocate(long bytes)
    {
        if (bytes <= 0)
            return;
        Posix.TryAllocate(Descriptor, bytes, path);
        if (length == 0 && bytes >= ChunkBytes)
            isDirect = Posix.TrySetDirect(Descriptor, true);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (isDirect)
            WriteDirect(bytes);
        else
            WriteBuffered(bytes);
    }

    /// <inheritdoc/>
    public void Sync()
    {
        if (isDirect && length > written)
        {
            // The tail need not be whole pages: it goes through the page cache, like everything does elsewhere.
            if (!Posix.TrySetDirect(Descriptor, false))
                throw new PosixException("fcntl", path, Errno.EINVAL);
            isDirect = false;
            GiveGathered();
        }

        Posix.Fsync(Descriptor, path);
        Posix.DropPages(Descriptor);
    }

    /// <inheritdoc/>
    public void Close()
    {
        var closing = Descriptor;
        descriptor = Closed;
        ReleaseChunk();
        Posix.Close(closing, path);
    }

    /// <summary>Gives the file up if it was not closed.</summary>
    public void Dispose()
    {
        ReleaseChunk();
        if (descriptor == Closed)
            return;
        Posix.Abandon(descriptor);
        descriptor = Closed;
    }

    private int Descriptor
    {
        get
        {
            ObjectDisposedException.ThrowIf(descriptor == Closed, this);
            return descriptor;
        }
    }

    private void WriteBuffered(ReadOnlySpan<byte> bytes)
    {
        Posix.WriteAll(Descriptor, bytes, length, path);
        length += bytes.Length;
        written = length;
        if (bytes.Length >= ChunkBytes)
            Posix.BeginWriteback(Descriptor, length - bytes.Length, bytes.Length);
    }

    /// <summary>Whole pages from the caller's memory where both sides are aligned; the rest is gathered.</summary>
    private void WriteDirect(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var gathered = (int)(length - written);
            var whole = bytes.Length / AlignedMemory.PageBytes * AlignedMemory.PageBytes;
            if (gathered % AlignedMemory.PageBytes == 0 && whole >= WorthwhileBytes && NativeBytes.IsAligned(bytes))
            {
                GiveGathered();
                Give(bytes[..whole]);
                length += whole;
                bytes = bytes[whole..];
                continue;
            }

            chunk ??= new AlignedMemory(ChunkBytes);
            var count = Math.Min(bytes.Length, ChunkBytes - gathered);
            bytes[..count].CopyTo(NativeBytes.Write(chunk.Address, gathered, count));
            length += count;
            bytes = bytes[count..];
            if (gathered + count == ChunkBytes)
                GiveGathered();
        }
    }

    private void GiveGathered()
    {
        if (length > written)
            Give(NativeBytes.Read(chunk!.Address, 0, (int)(length - written)));
    }

    private void Give(ReadOnlySpan<byte> pages)
    {
        Posix.WriteAll(Descriptor, pages, written, path);
        written += pages.Length;
    }

    private void ReleaseChunk()
    {
        chunk?.Dispose();
        chunk = null;
    }
}
