namespace KaleidoDist.Collectives;

/// <summary>
/// An all-reduce in the queue. Several may wait for the one exchange there is, so the arguments stay here until it is their turn. Also the
/// source behind the caller's <see cref="Reduction"/>.
/// </summary>
internal sealed class QueuedAllReduce(QueuedAllReducePool pool, AllReduceExchange exchange, int partialCount) : QueuedCall, IReductionSource
{
    private readonly FloatRange[] partials = new FloatRange[partialCount];
    private FloatRange result;
    private int version;

    /// <summary>Takes the arguments of the next use, which were checked.</summary>
    /// <returns>The handle of that use.</returns>
    public Reduction Begin(IReadOnlyList<SubtreePartial> own, FloatRange destination)
    {
        for (var i = 0; i < partials.Length; i++)
            partials[i] = own[i].Values;
        result = destination;
        Exchange = exchange;
        return new Reduction(this, version);
    }

    /// <inheritdoc/>
    public override void Prepare() => exchange.Prepare(partials, result);

    /// <inheritdoc/>
    public bool IsCompleted(int use)
    {
        ThrowUnless(use);
        return pool.Thread.IsOver(this);
    }

    /// <inheritdoc/>
    public void Wait(int use)
    {
        ThrowUnless(use);
        version++;
        pool.Thread.Wait(this);
        pool.Return(this);
    }

    private void ThrowUnless(int use)
    {
        if (use != version)
            throw new InvalidOperationException("This reduction was waited for before; expected one Wait for each Begin.");
    }
}

/// <summary>The reductions of one group, used and unused. For the rank thread alone.</summary>
internal sealed class QueuedAllReducePool(CommunicationThread thread, AllReduceExchange exchange, int partialCount)
{
    /// <summary>More buckets under way than any model is cut into: whoever reaches it begins without waiting.</summary>
    private const int Bound = 4096;

    private readonly Stack<QueuedAllReduce> free = [];
    private int count;

    /// <summary>The thread that carries them out.</summary>
    public CommunicationThread Thread => thread;

    /// <summary>An unused one.</summary>
    public QueuedAllReduce Rent()
    {
        if (free.TryPop(out var unused))
            return unused;
        if (++count > Bound)
            throw new InvalidOperationException($"{Bound} reductions are under way; expected each of them to be waited for.");
        return new QueuedAllReduce(this, exchange, partialCount);
    }

    /// <summary>Takes one back that is over.</summary>
    public void Return(QueuedAllReduce used) => free.Push(used);
}
