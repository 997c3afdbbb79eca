namespace KaleidoDist.Contracts;

/// <summary>
/// An error a person can act on: one line that says what failed, the value found, what was expected and the next act.
/// The command line prints <see cref="Exception.Message"/> as it is and exits with <see cref="ExitCode"/>.
/// </summary>
public sealed class KaleidoException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">One line: what, found, expected, next act.</param>
    /// <param name="exitCode">The process exit code this error stands for.</param>
    /// <param name="inner">The cause, kept for verbose output.</param>
    public KaleidoException(string message, ExitCode exitCode = ExitCode.Failed, Exception? inner = null)
        : base(message, inner) => ExitCode = exitCode;

    /// <summary>The process exit code this error stands for.</summary>
    public ExitCode ExitCode { get; }

    /// <summary>An error in what the user asked for (exit code 2).</summary>
    public static KaleidoException Usage(string message, Exception? inner = null) => new(message, ExitCode.Usage, inner);
}

/// <summary>What a process exit code of <c>kaleido</c> means.</summary>
public enum ExitCode
{
    /// <summary>Done.</summary>
    Done = 0,

    /// <summary>Failed; the last line on standard error says why.</summary>
    Failed = 1,

    /// <summary>Wrong usage or an invalid specification; nothing was started.</summary>
    Usage = 2,

    /// <summary>Stopped but resumable: the same command goes on (EX_TEMPFAIL of sysexits.h).</summary>
    Resumable = 75,

    /// <summary>Interrupted twice: ended at once, without a checkpoint.</summary>
    InterruptedTwice = 130,
}
