using System.Collections.Concurrent;
using KaleidoDist.Collectives;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>
/// Gives a copy of this rank's state to a joiner while training goes on: a snapshot taken at a step border, then the reduced gradient and
/// figures of every later step, sent by a thread of its own. Whatever goes wrong ends the donation and nothing else.
/// </summary>
internal sealed class StateDonation
{
    /// <summary>Steps that may wait to be sent; a joiner that falls further behind gets its state when it is taken in instead.</summary>
    private const int MaxBacklog = 8;

    private readonly ReplicaState state;
    private readonly DonateState order;
    private readonly ITrainingPort port;
    private readonly TimeProvider time;
    private readonly NativeBuffer[] snapshot;
    private readonly StateFrame first;
    private readonly BlockingCollection<Record> queue = [];
    private readonly ConcurrentBag<NativeBuffer> free = [];
    private readonly Lock gate = new();

    private StateDonation(ReplicaState state, DonateState order, ITrainingPort port, TimeProvider time)
    {
        (this.state, this.order, this.port, this.time) = (state, order, port, time);
        snapshot = [.. state.ToHost().Select(Copy)];
        first = new StateFrame(StateFrameKind.State, state.Step, state.Optimizer.StepCount, state.Counters, state.History, state.ReplicaHash(), 0, state.HostGradients.Count);
        new Thread(Send) { IsBackground = true, Name = $"donation to member {order.Joiner}" }.Start();
    }

    private sealed record Record(long Step, float[] Figures, NativeBuffer Gradient);

    /// <summary>Takes the snapshot (on the rank thread, between steps) and begins to send.</summary>
    internal static StateDonation Begin(ReplicaState state, DonateState order, ITrainingPort port, TimeProvider time) => new(state, order, port, time);

    /// <summary>Whether it still gives to this joiner.</summary>
    internal bool IsFor(long joiner) => order.Joiner == joiner && !queue.IsAddingCompleted;

    /// <summary>Notes a step that is reduced and about to be applied. On the rank thread.</summary>
    internal void Note(long step, TaskSums sums)
    {
        if (queue.IsAddingCompleted)
            return;
        if (queue.Count >= MaxBacklog)
        {
            port.Log($"member {order.Joiner} does not keep up; it gets its state when it is taken in");
            Complete();
            return;
        }

        if (!free.TryTake(out var buffer))
            buffer = NativeBuffer.OfFloats(state.HostGradients.Count);
        state.PullGradients().CopyTo(buffer.Floats);
        lock (gate)
        {
            if (queue.IsAddingCompleted)
                buffer.Dispose(); // the connection broke meanwhile
            else
                queue.Add(new Record(step, sums.Values.ToArray(), buffer));
        }
    }

    /// <summary>Nothing more is added: what is queued is sent, then the end.</summary>
    internal void Complete()
    {
        lock (gate)
            queue.CompleteAdding();
    }

    private void Send()
    {
        var begin = time.GetTimestamp();
        try
        {
            using var channel = StateChannel.Dial(order.Endpoint, order.DonationKey.Span);
            channel.Send(first with { Backlog = queue.Count }, [.. snapshot.Select(s => s.Floats)]);
            port.Log($"gave the state of step {first.Step} to member {order.Joiner} in {time.GetElapsedTime(begin).TotalSeconds:0.00} s");
            Release(snapshot);
            using var figures = NativeBuffer.OfFloats(TaskSums.Length);
            foreach (var record in queue.GetConsumingEnumerable())
            {
                record.Figures.CopyTo(figures.Floats.AsSpan());
                channel.Send(new StateFrame(StateFrameKind.Step, record.Step, 0, default, ReplicaHistory.None, 0, queue.Count, first.ValueCount), figures.Floats, record.Gradient.Floats);
                free.Add(record.Gradient);
            }

            channel.Send(new StateFrame(StateFrameKind.End, 0, 0, default, ReplicaHistory.None, 0, 0, first.ValueCount));
        }
        catch (Exception error)
        {
            port.Log($"the donation to member {order.Joiner} ended: {error.Message}");
        }
        finally
        {
            Complete();
            Release(snapshot);
            while (queue.TryTake(out var left))
                left.Gradient.Dispose();
            while (free.TryTake(out var buffer))
                buffer.Dispose();
        }
    }

    private static NativeBuffer Copy(FloatRange range)
    {
        var buffer = NativeBuffer.OfFloats(range.Count);
        range.CopyTo(buffer.Floats);
        return buffer;
    }

    private static void Release(NativeBuffer[] buffers)
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
    }
}
