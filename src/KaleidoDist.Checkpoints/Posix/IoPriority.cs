using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// The order in which the kernel serves those who wait for a disk (ioprio_set(2), which the C library has no function for). Schedulers without priorities (none, kyber) ignore it: a
/// fast device is shared evenly then. Linux keeps it per thread.
/// </summary>
public static class IoPriority
{
    /// <summary>The lowest level of the best-effort class, in which every thread is unless told otherwise: it comes after those who read data, but is never starved, as the idle class is.</summary>
    internal const int LowestBestEffort = (BestEffort << ClassShift) | 7;

    private const int BestEffort = 2;
    private const int ClassShift = 13;
    private const int WhoIsThread = 1; // IOPRIO_WHO_PROCESS: a task, and 0 is the one that asks
    private const int ThisThread = 0;

    // Numbers of system calls depend on the processor; on others than these two nothing is asked.
    private static readonly (int Set, int Get)? Calls = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => (251, 252),
        Architecture.Arm64 => (30, 31),
        _ => null,
    };

    /// <summary>Lets this thread come last, for as long as it lives. False where the kernel has no such thing: nothing is lost.</summary>
    public static bool TryLowerThisThread() => Calls is { Set: var set } && Libc.SystemCall(set, WhoIsThread, ThisThread, LowestBestEffort) == 0;

    /// <summary>Class and level of this thread; -1 where they cannot be asked for.</summary>
    internal static int OfThisThread => Calls is { Get: var get } ? (int)Libc.SystemCall(get, WhoIsThread, ThisThread, 0) : -1;
}
