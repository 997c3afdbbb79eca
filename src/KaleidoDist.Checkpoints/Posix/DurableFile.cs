namespace KaleidoDist.Checkpoints;

/// <summary>
/// A new file on its way to the disk: create, reserve, write from start to end, <see cref="Sync"/>, <see cref="Close"/>. Every error
/// is thrown, and ends the file: its owner gives it up under this name and starts anew under another.
/// </summary>
public sealed class DurableFile : IStorageFile
{
    private const int Closed = -1;
    private readonly string path;
    private int descriptor;
    private long length;

    private DurableFile(string path, int descriptor) => (this.path, this.descriptor) = (path, descriptor);

    /// <summary>Creates a file that must not exist.</summary>
    /// <exception cref="PosixException">It exists, or cannot be created.</exception>
    public static DurableFile CreateNew(string path) => new(path, Posix.CreateNew(path));

    /// <summary>Opens a file that exists, to write over it from its start. For devices: checkpoints are never written over.</summary>
    internal static DurableFile OpenExisting(string path) => new(path, Posix.OpenExisting(path));

    /// <inheritdoc/>
    public void Preallocate(long bytes)
    {
        if (bytes > 0)
            Posix.TryAllocate(Descriptor, bytes, path);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Posix.WriteAll(Descriptor, bytes, length, path);
        length += bytes.Length;
    }

    /// <inheritdoc/>
    public void Sync() => Posix.Fsync(Descriptor, path);

    /// <inheritdoc/>
    public void Close()
    {
        var closing = Descriptor;
        descriptor = Closed;
        Posix.Close(closing, path);
    }

    /// <summary>Gives the file up if it was not closed.</summary>
    public void Dispose()
    {
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
}
