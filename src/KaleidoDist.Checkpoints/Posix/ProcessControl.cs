using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Life and death of processes on Linux: signals, their names, and children that never outlive their parent.</summary>
public static class ProcessControl
{
    private const int SetParentDeathSignal = 1;
    private const int FirstSignalExitCode = 128;

    private static readonly string[] SignalNames =
    [
        "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
        "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU",
        "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
    ];

    /// <summary>Process id of this process's parent; changes when the parent dies.</summary>
    public static int ParentId => Libc.Getppid();

    /// <summary>
    /// Asks the kernel to kill this process (SIGKILL) when its parent dies. Linux keeps this per thread, on both sides: the
    /// setting is lost when the thread that made it ends, so a thread made for it waits for ever; and "the parent" is the
    /// thread that started this process, so <b>a parent starts such children only from a thread that lives as long as itself</b>
    /// (never from the thread pool).
    /// </summary>
    /// <param name="parentId">The expected parent, told by it (an argument or environment variable).</param>
    /// <exception cref="KaleidoException">The parent died before this call, or the kernel refused.</exception>
    public static void DieWithParent(int parentId)
    {
        using var done = new ManualResetEventSlim();
        var result = -1;
        var errno = 0;
        var keeper = new Thread(() =>
        {
            result = Libc.Prctl(SetParentDeathSignal, (nuint)ProcessSignal.Kill, 0, 0, 0);
            errno = Marshal.GetLastPInvokeError();
            done.Set();
            Thread.Sleep(Timeout.Infinite);
        })
        {
            IsBackground = true,
            Name = "dies with parent",
        };
        keeper.Start();
        done.Wait();

        if (result != 0)
            throw new KaleidoException($"prctl(PR_SET_PDEATHSIG) failed: {Errno.Describe(errno)} ({Errno.Name(errno)}); a rank must not outlive its agent.");
        if (ParentId != parentId)
            throw new KaleidoException($"The parent process {parentId} is gone (parent now {ParentId}); a rank must not outlive its agent.");
    }

    /// <summary>Sends a signal to one process. False when there is no such process.</summary>
    /// <exception cref="KaleidoException">Not permitted.</exception>
    public static bool TrySignal(int processId, ProcessSignal signal)
    {
        // 0 and negative ids address groups of processes, this one's own included.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        if (Libc.Kill(processId, (int)signal) == 0)
            return true;
        var errno = Marshal.GetLastPInvokeError();
        if (errno == Errno.ESRCH)
            return false;
        throw new KaleidoException($"Signal {SignalName((int)signal)} to process {processId} failed: {Errno.Describe(errno)} ({Errno.Name(errno)}).");
    }

    /// <summary>Whether a process exists (also one that ended and was not yet waited for).</summary>
    public static bool Exists(int processId) => TrySignal(processId, ProcessSignal.None);

    /// <summary>Name of a signal, <c>SIGKILL</c> for 9; empty for 0.</summary>
    public static string SignalName(int signal)
        => signal >= 0 && signal < SignalNames.Length ? SignalNames[signal] : $"signal {signal}";

    /// <summary>
    /// Name of the signal that ended a process, from the exit code the runtime reports (128 + signal); empty when it exited by itself.
    /// </summary>
    public static string SignalNameOfExitCode(int exitCode)
        => exitCode > FirstSignalExitCode && exitCode - FirstSignalExitCode < SignalNames.Length
            ? SignalNames[exitCode - FirstSignalExitCode]
            : "";
}
