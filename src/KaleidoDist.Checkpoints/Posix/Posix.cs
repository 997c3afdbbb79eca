using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// The system calls that durability stands on, with their errors reported. The runtime's own <c>Flush(true)</c> and
/// <c>FlushToDisk</c> swallow the errors of fsync on Linux, and it has no fsync of directories.
/// Interrupted calls (EINTR) go on, except fsync and close, which must not be repeated.
/// </summary>
internal static class Posix
{
    private const int OpenWriteOnly = 0x1;
    private const int OpenCreate = 0x40;
    private const int OpenExclusive = 0x80;
    private const int OpenDirectoryOnly = 0x10000;
    private const int OpenNoFollow = 0x20000;
    private const int OpenCloseOnExec = 0x80000;
    private const int SetStatusFlags = 4; // F_SETFL
    private const uint SyncRangeWrite = 2; // begin to write what is dirty, do not wait
    private const int AdviseNotNeeded = 4;
    private const uint FileMode = 0b110_100_100;
    private const uint DirectoryMode = 0b111_101_101;
    private const int BadDescriptor = -1;
    private const int NotImplemented = 38;

    // The flag's value depends on the processor; on others than these two files go through the page cache.
    private static readonly int OpenDirect = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 0x4000,
        Architecture.Arm64 => 0x10000,
        _ => 0,
    };

    /// <summary>
    /// The first call of an entry point resolves it, which can leave another errno behind than the call's own. Each is called
    /// once here in a way that fails without effect.
    /// </summary>
    static Posix()
    {
        _ = Libc.Open("", 0, 0);
        _ = Libc.Close(BadDescriptor);
        _ = Libc.Pwrite(BadDescriptor, [], 0, 0);
        _ = Libc.Fsync(BadDescriptor);
        _ = Libc.Fallocate(BadDescriptor, 0, 0, 1);
        _ = Libc.Fcntl(BadDescriptor, SetStatusFlags, 0);
        _ = Libc.SyncFileRange(BadDescriptor, 0, 0, 0);
        _ = Libc.Link("", "");
        _ = Libc.Unlink("");
        _ = Libc.Mkdir("", 0);
        _ = Libc.Rmdir("");
        _ = Libc.Statvfs("", out _);
    }

    /// <summary>Creates a file that must not exist and opens it for writing; returns its descriptor.</summary>
    internal static int CreateNew(string path)
        => Open(path, OpenWriteOnly | OpenCreate | OpenExclusive | OpenNoFollow | OpenCloseOnExec);

    /// <summary>Opens a directory, to fsync it; returns its descriptor.</summary>
    internal static int OpenDirectory(string path) => Open(path, OpenDirectoryOnly | OpenCloseOnExec);

    /// <summary>Opens an existing file for writing; returns its descriptor.</summary>
    internal static int OpenExisting(string path) => Open(path, OpenWriteOnly | OpenCloseOnExec);

    /// <summary>Writes all of a buffer at an offset.</summary>
    internal static void WriteAll(int descriptor, ReadOnlySpan<byte> buffer, long offset, string path)
    {
        while (!buffer.IsEmpty)
        {
            var written = (int)Libc.Pwrite(descriptor, buffer, (nuint)buffer.Length, offset);
            if (written < 0 && LastErrno() == Errno.EINTR)
                continue;
            if (written <= 0)
                throw Failure("write", path);
            buffer = buffer[written..];
            offset += written;
        }
    }

    /// <summary>
    /// Makes what was written durable. Any return other than 0 is a failure and is final: kernels mark the pages clean after
    /// a failed fsync, so that a second one on the same descriptor would report success for lost data.
    /// </summary>
    internal static void Fsync(int descriptor, string path)
    {
        if (Libc.Fsync(descriptor) != 0)
            throw Failure("fsync", path);
    }

    /// <summary>Closes a descriptor. Never repeated: it is gone even when close reports an error.</summary>
    internal static void Close(int descriptor, string path)
    {
        if (Libc.Close(descriptor) != 0)
            throw Failure("close", path);
    }

    /// <summary>Closes a descriptor whose file is given up; its result no longer matters.</summary>
    internal static void Abandon(int descriptor) => _ = Libc.Close(descriptor);

    /// <summary>Reserves space for a file, so that a full disk shows before the first byte. False where the file system cannot.</summary>
    internal static bool TryAllocate(int descriptor, long length, string path)
    {
        while (Libc.Fallocate(descriptor, 0, 0, length) != 0)
        {
            var errno = LastErrno();
            if (errno is Errno.EOPNOTSUPP or NotImplemented)
                return false;
            if (errno != Errno.EINTR)
                throw new PosixException("fallocate", path, errno);
        }

        return true;
    }

    /// <summary>
    /// Passes the page cache by (O_DIRECT), or not any more. While it does, every write needs a page's alignment in memory, file and length.
    /// False where the file system cannot.
    /// </summary>
    internal static bool TrySetDirect(int descriptor, bool isDirect)
        => OpenDirect != 0 && Libc.Fcntl(descriptor, SetStatusFlags, isDirect ? OpenDirect : 0) == 0;

    /// <summary>Begins to write a range to the disk, so that the fsync at the end has little left to do. A hint: its result does not matter.</summary>
    internal static void BeginWriteback(int descriptor, long offset, long bytes) => _ = Libc.SyncFileRange(descriptor, offset, bytes, SyncRangeWrite);

    /// <summary>Says that the file's pages need not stay in memory. A hint: its result does not matter.</summary>
    internal static void DropPages(int descriptor) => _ = Libc.Fadvise(descriptor, 0, 0, AdviseNotNeeded);

    /// <summary>Gives a file a second name, if that name is free: the create-if-absent of the commit. False when it is taken.</summary>
    internal static bool TryLink(string existing, string created)
    {
        if (Libc.Link(existing, created) == 0)
            return true;
        var errno = LastErrno();
        if (errno == Errno.EEXIST && Path.Exists(created))
            return false;
        throw new PosixException("link", created, errno);
    }

    /// <summary>Removes a file's name.</summary>
    internal static void Unlink(string path) => Require(Libc.Unlink(path), "unlink", path);

    /// <summary>Creates one directory that must not exist.</summary>
    internal static void CreateDirectory(string path) => Require(Libc.Mkdir(path, DirectoryMode), "mkdir", path);

    /// <summary>Removes an empty directory.</summary>
    internal static void RemoveDirectory(string path) => Require(Libc.Rmdir(path), "rmdir", path);

    /// <summary>Bytes a user other than root may still write below a directory.</summary>
    internal static long FreeBytes(string directory)
    {
        Require(Libc.Statvfs(directory, out var status), "statvfs", directory);
        return (long)UInt128.Min(status.AvailableCount * (UInt128)status.FragmentSize, long.MaxValue);
    }

    private static int Open(string path, int flags)
    {
        int descriptor;
        while ((descriptor = Libc.Open(path, flags, FileMode)) < 0)
        {
            if (LastErrno() != Errno.EINTR)
                throw Failure("open", path);
        }

        return descriptor;
    }

    private static void Require(int result, string call, string path)
    {
        if (result != 0)
            throw Failure(call, path);
    }

    private static PosixException Failure(string call, string path) => new(call, path, LastErrno());

    private static int LastErrno() => Marshal.GetLastPInvokeError();
}
