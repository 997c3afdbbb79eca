namespace KaleidoDist.Collectives;

/// <summary>Carries the decision to give a group up from any thread to its communication thread, and wakes it.</summary>
internal sealed class AbortSignal(WakeEvent wake)
{
    private Exception? cause;

    /// <summary>Why the group was given up; null while it was not.</summary>
    public Exception? Cause => Volatile.Read(ref cause);

    /// <summary>Called with the cause, on the thread that gives the group up: for waits that the wake event does not end.</summary>
    public Action<Exception>? Raised { get; set; }

    /// <summary>Gives the group up; the first cause counts.</summary>
    public void Raise(Exception why)
    {
        Interlocked.CompareExchange(ref cause, why, null);
        Raised?.Invoke(why); // Before the communication thread resets connections: peers of the host then know whom to blame.
        wake.Signal();
    }
}
