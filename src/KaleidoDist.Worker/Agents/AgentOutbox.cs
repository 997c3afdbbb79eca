using System.Threading.Channels;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker;

/// <summary>
/// What the agent has to say to its coordinator. Bounded: while no coordinator listens, progress and log lines make room for new ones;
/// what matters (exits, readiness, proposals) is said again after a reconnect by <see cref="RankSupervisor"/>.
/// </summary>
internal sealed class AgentOutbox
{
    private const int Capacity = 4096;
    private readonly Channel<WorkerMessage> channel = Channel.CreateBounded<WorkerMessage>(
        new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    /// <summary>Queues a message.</summary>
    internal void Post(WorkerMessage message) => channel.Writer.TryWrite(message);

    /// <summary>Forgets everything queued: called before a registration, which says anew what matters.</summary>
    internal void Clear()
    {
        while (channel.Reader.TryRead(out _))
        {
        }
    }

    /// <summary>Messages as they come.</summary>
    internal IAsyncEnumerable<WorkerMessage> ReadAllAsync(CancellationToken cancellation) => channel.Reader.ReadAllAsync(cancellation);
}
