namespace KaleidoDist.Collectives;

/// <summary>One call on its way through the <see cref="CommunicationThread"/>'s queue. Reused, so that a call allocates nothing.</summary>
internal class QueuedCall
{
    /// <summary>What is to be done. Prepared by whoever queues the call, unless a subclass prepares it when its turn comes.</summary>
    public Exchange? Exchange { get; set; }

    /// <summary>Where the call stands; under the queue's gate.</summary>
    public CallState State { get; set; }

    /// <summary>Its turn has come: the exchange takes this call's arguments. On the communication thread.</summary>
    public virtual void Prepare()
    {
    }
}

/// <summary>Where a <see cref="QueuedCall"/> stands.</summary>
internal enum CallState
{
    /// <summary>Nobody uses it.</summary>
    Free,

    /// <summary>It waits for its turn, or has it.</summary>
    Queued,

    /// <summary>This rank's part is done.</summary>
    Done,
}
