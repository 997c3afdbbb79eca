using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>The few system calls of the data plane (Linux). Names and values are those of the C headers, in C# spelling.</summary>
internal static partial class Libc
{
    /// <summary>poll: there is data to read, or the end of the stream.</summary>
    public const short PollIn = 0x0001;

    /// <summary>poll: writing would not block.</summary>
    public const short PollOut = 0x0004;

    /// <summary>poll: the connection has an error; always reported.</summary>
    public const short PollErr = 0x0008;

    /// <summary>poll: both directions are closed; always reported.</summary>
    public const short PollHup = 0x0010;

    /// <summary>poll: the peer closed its side.</summary>
    public const short PollRdHup = 0x2000;

    /// <summary>send, recv: return EAGAIN rather than wait.</summary>
    public const int MsgDontWait = 0x40;

    /// <summary>send: no SIGPIPE when the peer is gone.</summary>
    public const int MsgNoSignal = 0x4000;

    /// <summary>send: more data follows at once; lets a header share a packet with what comes after it.</summary>
    public const int MsgMore = 0x8000;

    /// <summary>errno: a signal interrupted the call.</summary>
    public const int Eintr = 4;

    /// <summary>errno: the call would have to wait.</summary>
    public const int Eagain = 11;

    /// <summary>errno: an argument is not known to this kernel.</summary>
    public const int Einval = 22;

    /// <summary>errno: no way leads to the network.</summary>
    public const int Enetunreach = 101;

    /// <summary>errno: nobody answered.</summary>
    public const int Etimedout = 110;

    /// <summary>errno: no way leads to the host.</summary>
    public const int Ehostunreach = 113;

    /// <summary>memfd_create: closed in programs this one starts.</summary>
    public const uint MfdCloexec = 1;

    /// <summary>open: for reading and writing.</summary>
    public const int OpenReadWrite = 2;

    /// <summary>open: never make a terminal this process's own.</summary>
    public const int OpenNoCtty = 0x100;

    /// <summary>open: do not wait, whatever kind of file it is.</summary>
    public const int OpenNonBlock = 0x800;

    /// <summary>open: closed in programs this one starts.</summary>
    public const int OpenCloexec = 0x80000;

    /// <summary>mmap: pages may be read and written.</summary>
    public const int ProtectReadWrite = 3;

    /// <summary>mmap: what one process writes, the others read.</summary>
    public const int MapShared = 1;

    /// <summary>mmap: no memory is set aside before it is used.</summary>
    public const int MapNoReserve = 0x4000;

    /// <summary>madvise: use huge pages here.</summary>
    public const int AdviseHugePages = 14;

    /// <summary>madvise: make all pages present and writable now (Linux 5.14).</summary>
    public const int AdvisePopulateWrite = 23;

    /// <summary>fallocate: leave the file's length.</summary>
    public const int FAllocKeepSize = 1;

    /// <summary>fallocate: give the pages of the range back.</summary>
    public const int FAllocPunchHole = 2;

    /// <summary>futex: sleep if the word still has a value.</summary>
    public const int FutexWait = 0;

    /// <summary>futex: wake sleepers.</summary>
    public const int FutexWake = 1;

    private const int EfdCloexec = 0x80000;
    private const int EfdNonblock = 0x800;
    private const int FutexOnX64 = 202;
    private const int FutexOnArm64 = 98;

    /// <summary>What one descriptor is asked for, and what it answered (struct pollfd).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        /// <summary>The descriptor; a negative one is skipped.</summary>
        public int Fd;

        /// <summary>Events asked for.</summary>
        public short Events;

        /// <summary>Events that happened.</summary>
        public short Revents;
    }

    /// <summary>A duration (struct timespec).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpec
    {
        /// <summary>Whole seconds.</summary>
        public long Seconds;

        /// <summary>The rest, below 10^9.</summary>
        public long Nanoseconds;
    }

    /// <summary>Waits until a descriptor is ready: the number of ready ones, 0 at the timeout, -1 with errno.</summary>
    public static int Poll(Span<PollFd> descriptors, int timeoutMilliseconds)
        => Poll(ref MemoryMarshal.GetReference(descriptors), (nuint)descriptors.Length, timeoutMilliseconds);

    /// <summary>Receives up to <paramref name="count"/> bytes: bytes received, 0 at the end of the stream, -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, nint buffer, nuint count, int flags);

    /// <summary>Sends up to <paramref name="count"/> bytes: bytes taken, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, nint buffer, nuint count, int flags);

    /// <summary>A non-blocking event counter, or -1 with errno.</summary>
    public static int EventFd() => EventFd(0, EfdCloexec | EfdNonblock);

    /// <summary>Adds <paramref name="value"/> to an event counter.</summary>
    [LibraryImport("libc", EntryPoint = "eventfd_write", SetLastError = true)]
    public static partial int EventFdWrite(int descriptor, ulong value);

    /// <summary>Reads and clears an event counter.</summary>
    [LibraryImport("libc", EntryPoint = "eventfd_read", SetLastError = true)]
    public static partial int EventFdRead(int descriptor, out ulong value);

    /// <summary>Closes a descriptor.</summary>
    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    /// <summary>An anonymous file in memory: its descriptor, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MemFdCreate(string name, uint flags);

    /// <summary>Opens a file: its descriptor, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    /// <summary>Reads at a position: bytes read, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    public static partial nint PRead(int descriptor, nint buffer, nuint count, long offset);

    /// <summary>Sets a file's length: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int FTruncate(int descriptor, long length);

    /// <summary>Reserves or frees a range of a file: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    public static partial int FAllocate(int descriptor, int mode, long offset, long length);

    /// <summary>Maps a file: the address, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial nint MMap(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    /// <summary>Removes a mapping: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int MUnmap(nint address, nuint length);

    /// <summary>Tells the kernel about the use of a range: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    public static partial int MAdvise(nint address, nuint length, int advice);

    /// <summary>Sleeps or wakes on a word that processes share; the C library has no name for it.</summary>
    public static nint Futex(nint word, int operation, int value, ref TimeSpec limit)
        => Syscall(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? FutexOnArm64 : FutexOnX64, word, operation, value, ref limit, 0, 0);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint word, nint operation, nint value, ref TimeSpec limit, nint word2, nint value3);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollFd first, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);
}
