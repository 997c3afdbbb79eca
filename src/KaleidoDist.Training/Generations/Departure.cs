using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>
/// What a rank does when it shall stop or part and the next step border does not come, because it waits for data or evaluates: it gives up
/// what it is doing. Nothing is lost by it: the step is done again, or the state as of the last border is saved.
/// </summary>
internal sealed class Departure(ITrainingPort port, ICollective collective, TimeProvider time)
{
    /// <summary>Time to the next border that is waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    private long? since;

    /// <summary>Waits for what a disk or a network may hold up for any time, and leaves if it shall meanwhile.</summary>
    /// <param name="wait">Waits until its token is cancelled; is called again then.</param>
    /// <param name="doing">What the rank does.</param>
    /// <exception cref="CollectiveAbortedException">The patience is over: the group is given up.</exception>
    internal T Await<T>(Func<CancellationToken, T> wait, string doing)
    {
        while (true)
        {
            using var glance = new CancellationTokenSource(Glance);
            try
            {
                return wait(glance.Token);
            }
            catch (OperationCanceledException) when (glance.IsCancellationRequested)
            {
                LeaveIfOverdue(doing);
            }
        }
    }

    /// <summary>Call where a rank may be held up for long.</summary>
    /// <exception cref="CollectiveAbortedException">The patience is over: the group is given up.</exception>
    internal void LeaveIfOverdue(string doing)
    {
        if (!port.StopRequested && !port.PartRequested)
        {
            since = null;
            return;
        }

        since ??= time.GetTimestamp();
        if (time.GetElapsedTime(since.Value) < Patience)
            return;
        var cause = new CollectiveAbortedException(collective.Generation, new OperationCanceledException($"rank {collective.Rank} shall leave and was {doing}"));
        collective.Abort(cause);
        throw cause;
    }
}
