using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace KaleidoDist.Collectives;

/// <summary>
/// A piece of memory that several processes of one machine map: an anonymous file (memfd), which has no name in any file system. It is
/// therefore gone when the last process that maps it is, however that process ends. It is much larger than what is used: pages exist
/// once they are reserved. The handle is held by whoever uses an address in it; the last one unmaps.
/// </summary>
internal sealed unsafe class SharedMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Length of the token the memory begins with, by which a process knows that it opened the right file.</summary>
    public const int TokenBytes = 16;

    /// <summary>Reservations this large are made of huge pages where the system has them: 512 times fewer page faults.</summary>
    public const long HugePageBytes = 2L << 20;

    /// <summary>Everything is reserved in whole pages.</summary>
    public const long PageBytes = 4096;

    private readonly int descriptor;

    private SharedMemory(int descriptor, nint address, long byteCount)
        : base(ownsHandle: true)
    {
        this.descriptor = descriptor;
        ByteCount = byteCount;
        SetHandle(address);
    }

    /// <summary>Length of the mapping.</summary>
    public long ByteCount { get; }

    /// <summary>Where the mapping begins in this process.</summary>
    public nint Address => handle;

    /// <summary>The file's number in this process, under which others of the same user open it.</summary>
    public int Descriptor => descriptor;

    /// <summary>Creates the memory, with a random token at its beginning.</summary>
    /// <returns>Null when the system does not offer it.</returns>
    public static SharedMemory? TryCreate(long byteCount, Span<byte> token)
    {
        RandomNumberGenerator.Fill(token);
        var descriptor = Libc.MemFdCreate("kaleido-collective", Libc.MfdCloexec);
        if (descriptor < 0)
            return null;
        var memory = Libc.FTruncate(descriptor, byteCount) == 0 ? TryMap(descriptor, byteCount) : null;
        if (memory is null || !memory.TryReserve(0, PageBytes))
        {
            Close(memory, descriptor);
            return null;
        }

        token.CopyTo(new Span<byte>((void*)memory.Address, TokenBytes));
        return memory;
    }

    /// <summary>Maps what process <paramref name="processId"/> of this user has open under <paramref name="number"/>, if it has the token.</summary>
    /// <returns>Null when it cannot be opened (another container, another user) or is something else.</returns>
    public static SharedMemory? TryOpen(int processId, int number, long byteCount, ReadOnlySpan<byte> token)
    {
        // Whatever is found there is only looked at until the token matches: opening it must not block.
        var descriptor = Libc.Open($"/proc/{processId}/fd/{number}", Libc.OpenReadWrite | Libc.OpenNonBlock | Libc.OpenNoCtty | Libc.OpenCloexec);
        if (descriptor < 0)
            return null;
        var found = stackalloc byte[TokenBytes];
        var isRight = Libc.PRead(descriptor, (nint)found, TokenBytes, 0) == TokenBytes
            && CryptographicOperations.FixedTimeEquals(new ReadOnlySpan<byte>(found, TokenBytes), token);
        var memory = isRight ? TryMap(descriptor, byteCount) : null;
        if (memory is null)
            Close(memory, descriptor);
        return memory;
    }

    /// <summary>Gives a range real, zeroed, mapped pages, so that touching it can neither fail nor fault. A range is reserved once until it is released.</summary>
    /// <returns>False when the machine has not enough memory.</returns>
    public bool TryReserve(long offset, long byteCount)
    {
        var start = Address + (nint)offset;
        if (byteCount >= HugePageBytes)
            _ = Libc.MAdvise(start, (nuint)byteCount, Libc.AdviseHugePages); // Only a wish.
        if (Libc.MAdvise(start, (nuint)byteCount, Libc.AdvisePopulateWrite) == 0)
            return true;
        // Kernels before 5.14 do not know that advice.
        return Marshal.GetLastPInvokeError() == Libc.Einval && Libc.FAllocate(descriptor, 0, offset, byteCount) == 0;
    }

    /// <summary>Gives the pages of a range back.</summary>
    public void Release(long offset, long byteCount)
        => _ = Libc.FAllocate(descriptor, Libc.FAllocPunchHole | Libc.FAllocKeepSize, offset, byteCount);

    /// <summary>A 32-bit word that processes share; use <see cref="Interlocked"/> and <see cref="Volatile"/>.</summary>
    public ref int Int32(long offset) => ref *(int*)(Address + (nint)offset);

    /// <summary>A 64-bit word that processes share; use <see cref="Interlocked"/> and <see cref="Volatile"/>.</summary>
    public ref long Int64(long offset) => ref *(long*)(Address + (nint)offset);

    /// <summary>Bytes that processes share.</summary>
    public Span<byte> Bytes(long offset, int count) => new((byte*)Address + offset, count);

    /// <summary>Sleeps until another thread wakes this word, if it still is <paramref name="expected"/>, or until <paramref name="limit"/> has passed.</summary>
    public void Sleep(long offset, int expected, TimeSpan limit)
    {
        var time = new Libc.TimeSpec { Seconds = (long)limit.TotalSeconds, Nanoseconds = limit.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick };
        _ = Libc.Futex(Address + (nint)offset, Libc.FutexWait, expected, ref time); // Woken, changed, late, interrupted: the caller looks again.
    }

    /// <summary>Wakes all who sleep on a word.</summary>
    public void Wake(long offset)
    {
        var unused = default(Libc.TimeSpec);
        _ = Libc.Futex(Address + (nint)offset, Libc.FutexWake, int.MaxValue, ref unused);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        var isUnmapped = Libc.MUnmap(handle, (nuint)ByteCount) == 0;
        return Libc.Close(descriptor) == 0 && isUnmapped;
    }

    private static SharedMemory? TryMap(int descriptor, long byteCount)
    {
        var address = Libc.MMap(0, (nuint)byteCount, Libc.ProtectReadWrite, Libc.MapShared | Libc.MapNoReserve, descriptor, 0);
        return address == -1 ? null : new SharedMemory(descriptor, address, byteCount);
    }

    private static void Close(SharedMemory? memory, int descriptor)
    {
        if (memory is null)
            _ = Libc.Close(descriptor);
        else
            memory.Dispose();
    }
}
