namespace KaleidoDist.Checkpoints;

/// <summary>A system call failed: which one, on what, and why.</summary>
public sealed class PosixException : IOException
{
    /// <summary>Creates the error.</summary>
    /// <param name="call">Name of the call, <c>fsync</c> for example.</param>
    /// <param name="path">What it was applied to.</param>
    /// <param name="errno">The error number; see <see cref="Checkpoints.Errno"/>.</param>
    public PosixException(string call, string path, int errno)
        : base($"{call} of '{path}' failed: {Checkpoints.Errno.Describe(errno)} ({Checkpoints.Errno.Name(errno)}).")
    {
        Call = call;
        Path = path;
        Errno = errno;
    }

    /// <summary>Name of the call that failed.</summary>
    public string Call { get; }

    /// <summary>What it was applied to.</summary>
    public string Path { get; }

    /// <summary>The error number.</summary>
    public int Errno { get; }
}
