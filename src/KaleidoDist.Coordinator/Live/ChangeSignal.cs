namespace KaleidoDist.Coordinator;

/// <summary>Tells any number of watchers that something changed; a watcher that is slow sees only the newest state. Thread-safe.</summary>
internal sealed class ChangeSignal
{
    private readonly Lock gate = new();
    private long version;
    private TaskCompletionSource next = New();

    /// <summary>Counts changes. Read it before the state it stands for.</summary>
    public long Version
    {
        get
        {
            lock (gate)
                return version;
        }
    }

    /// <summary>Something changed.</summary>
    public void Raise()
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            version++;
            (waiting, next) = (next, New());
        }

        waiting.SetResult();
    }

    /// <summary>Ends when the version is not <paramref name="seen"/> any more.</summary>
    public Task WaitAsync(long seen, CancellationToken cancellation)
    {
        lock (gate)
            return version != seen ? Task.CompletedTask : next.Task.WaitAsync(cancellation);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
