namespace KaleidoDist.Checkpoints;

/// <summary>Signals of Linux that agents send or explain.</summary>
public enum ProcessSignal
{
    /// <summary>No signal: only asks whether the process exists.</summary>
    None = 0,

    /// <summary>Terminal gone.</summary>
    Hangup = 1,

    /// <summary>Ctrl-C.</summary>
    Interrupt = 2,

    /// <summary>Quit with a core dump.</summary>
    Quit = 3,

    /// <summary>Ends at once, cannot be caught.</summary>
    Kill = 9,

    /// <summary>Asks to end.</summary>
    Terminate = 15,

    /// <summary>Goes on after <see cref="Stop"/>.</summary>
    Continue = 18,

    /// <summary>Freezes, cannot be caught.</summary>
    Stop = 19,
}
