using System.Collections.Concurrent;
using System.Diagnostics;
using KaleidoDist.Checkpoints;

namespace KaleidoDist.Training;

/// <summary>
/// The thread on which one rank saves, for its whole life, and the memory it snapshots into. One thing after another: so a save that a broken
/// generation gave up has let go of the memory before the next one copies into it.
/// </summary>
internal sealed class CheckpointLane : IDisposable
{
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(10);

    private readonly BlockingCollection<Action> work = [];
    private readonly SnapshotMemory memory = new();
    private readonly Lock gate = new();
    private Thread? thread;
    private ManualResetEventSlim? copying;
    private long stallTicks;
    private int waiting;

    /// <summary>Whether something is done or waits to be done.</summary>
    internal bool IsBusy => Volatile.Read(ref waiting) > 0;

    /// <summary>Time that the rank thread has waited for snapshots in all.</summary>
    internal TimeSpan Stall => new(Interlocked.Read(ref stallTicks));

    /// <summary>Hands over work that is given this rank's snapshot memory. It must handle its own errors.</summary>
    internal Task Enqueue(Action<SnapshotMemory> act)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref waiting);
        work.Add(() =>
        {
            try
            {
                act(memory);
                Interlocked.Decrement(ref waiting);
                done.SetResult();
            }
            catch (Exception error)
            {
                Interlocked.Decrement(ref waiting);
                done.SetException(error);
            }
        });
        lock (gate)
        {
            if (thread is null)
            {
                thread = new Thread(Work) { IsBackground = true, Name = "checkpoints" };
                thread.Start();
            }
        }

        return done.Task;
    }

    /// <summary>Notes that a snapshot of the state is being taken: until <paramref name="copied"/> is set, nobody changes the state.</summary>
    internal void BeginSnapshot(ManualResetEventSlim copied) => copying = copied;

    /// <summary>Returns when the state may be changed. On the rank thread.</summary>
    internal void AwaitSnapshot()
    {
        if (copying is not { } copied)
            return;
        var begin = Stopwatch.GetTimestamp();
        copied.Wait();
        copying = null;
        Interlocked.Add(ref stallTicks, Stopwatch.GetElapsedTime(begin).Ticks);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        work.CompleteAdding();
        // A storage that answers nobody holds its thread, and that thread its memory; the process ends without them.
        if (thread is not null && !thread.Join(LongestEnd))
            return;
        memory.Dispose();
        work.Dispose();
    }

    private void Work()
    {
        // Whoever reads the next samples from the same disk goes first.
        IoPriority.TryLowerThisThread();
        foreach (var act in work.GetConsumingEnumerable())
            act();
    }
}
