using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>The C library's calls as they are. <see cref="Posix"/> gives them their meaning.</summary>
internal static partial class Libc
{
    private const string Library = "libc";

    /// <summary>open(2).</summary>
    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, uint mode);

    /// <summary>close(2).</summary>
    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    /// <summary>pwrite(2).</summary>
    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Pwrite(int descriptor, ReadOnlySpan<byte> buffer, nuint count, long offset);

    /// <summary>fsync(2).</summary>
    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Fsync(int descriptor);

    /// <summary>fcntl(2) with an integer.</summary>
    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(int descriptor, int command, nint argument);

    /// <summary>sync_file_range(2), Linux.</summary>
    [LibraryImport(Library, EntryPoint = "sync_file_range", SetLastError = true)]
    internal static partial int SyncFileRange(int descriptor, long offset, long bytes, uint flags);

    /// <summary>posix_fadvise(3): returns the error number itself.</summary>
    [LibraryImport(Library, EntryPoint = "posix_fadvise")]
    internal static partial int Fadvise(int descriptor, long offset, long bytes, int advice);

    /// <summary>fallocate(2), Linux.</summary>
    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Fallocate(int descriptor, int mode, long offset, long length);

    /// <summary>link(2).</summary>
    [LibraryImport(Library, EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Link(string existing, string created);

    /// <summary>unlink(2).</summary>
    [LibraryImport(Library, EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(string path);

    /// <summary>mkdir(2).</summary>
    [LibraryImport(Library, EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Mkdir(string path, uint mode);

    /// <summary>rmdir(2).</summary>
    [LibraryImport(Library, EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Rmdir(string path);

    /// <summary>statvfs(3).</summary>
    [LibraryImport(Library, EntryPoint = "statvfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Statvfs(string path, out StatVfs result);

    /// <summary>prctl(2), Linux.</summary>
    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    internal static partial int Prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    /// <summary>getppid(2).</summary>
    [LibraryImport(Library, EntryPoint = "getppid")]
    internal static partial int Getppid();

    /// <summary>kill(2).</summary>
    [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int processId, int signal);

    /// <summary>syscall(2), for calls of three whole numbers that the library has no function for.</summary>
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint SystemCall(nint number, nint first, nint second, nint third);

    /// <summary>struct statvfs of 64-bit Linux; the tail that is not read is covered by the size.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    internal struct StatVfs
    {
        /// <summary>f_bsize.</summary>
        internal ulong BlockSize;

        /// <summary>f_frsize: the unit of the counts below, in bytes.</summary>
        internal ulong FragmentSize;

        /// <summary>f_blocks.</summary>
        internal ulong BlockCount;

        /// <summary>f_bfree.</summary>
        internal ulong FreeCount;

        /// <summary>f_bavail: free for users other than root.</summary>
        internal ulong AvailableCount;
    }
}
