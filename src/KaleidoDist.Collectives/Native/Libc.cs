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

    private const int EfdCloexec = 0x80000;
    private const int EfdNonblock = 0x800;

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

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollFd first, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);
}
