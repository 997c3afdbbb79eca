using System.Net.Sockets;
using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>
/// The joiner's side of a donation: takes the snapshot, then applies every step that follows, with the code that its peers used. On the rank
/// thread. Whatever arrived whole is kept; a copy that broke off leaves a replica without a state, which its generation fills.
/// </summary>
public sealed class StateReception(TrainerSetup setup, ReplicaState state, ITrainingPort port, TimeProvider time) : IDisposable
{
    // The donor parts at the same border as everybody and then ends: what it still sends arrives within moments, or it is lost.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private StateChannel? channel;
    private ITimer? timer;
    private bool isCancelled;

    /// <summary>Reads until the donor ends or is lost, or <see cref="Cancel"/>.</summary>
    /// <param name="socket">The donor's connection.</param>
    /// <param name="key">Key of the donation.</param>
    /// <param name="caughtUp">Called once, with the step, when nothing waits at the donor or it is gone; not for a connection that proves to be none of a donor.</param>
    public void Receive(Socket socket, ReadOnlyMemory<byte> key, Action<long> caughtUp)
    {
        bool said = false, isDonor = false;
        try
        {
            using var donor = StateChannel.Accept(socket, key.Span);
            isDonor = true;
            lock (gate)
                channel = isCancelled ? throw new IOException("the generation forms now") : donor;
            var update = new StepUpdate(setup.Spec, setup.TotalSteps);
            using var figures = NativeBuffer.OfFloats(TaskSums.Length);
            while (donor.ReadHeader() is { Kind: not StateFrameKind.End } frame)
            {
                if (frame.ValueCount != state.HostGradients.Count)
                    throw new IOException($"the donor's model has {frame.ValueCount} values; expected {state.HostGradients.Count}");
                if (frame.Kind == StateFrameKind.State)
                    TakeState(donor, frame);
                else
                    TakeStep(donor, frame, update, figures);
                port.EnterPhase("joining", state.Step);
                if (frame.Backlog == 0 && !said)
                {
                    said = true;
                    caughtUp(state.Step);
                }
            }
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or InvalidDataException)
        {
            port.Log($"the copy of a peer's state ended: {error.Message}");
        }
        finally
        {
            lock (gate)
                channel = null;
        }

        // Also a joiner that could not keep up is ready: it gets the rest when it is taken in. Who has not the key is no donor, and says nothing about one.
        if (!said && isDonor)
            caughtUp(state.Step);
    }

    /// <summary>The generation forms: ends a reception in progress when the donor does not. From any thread.</summary>
    public void CancelSoon()
    {
        lock (gate)
            timer ??= time.CreateTimer(_ => Cancel(), null, Patience, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (gate)
            timer?.Dispose();
    }

    private void Cancel()
    {
        lock (gate)
        {
            isCancelled = true;
            channel?.Dispose();
        }
    }

    private void TakeState(StateChannel donor, StateFrame frame)
    {
        state.Step = ReplicaState.Nothing;
        foreach (var part in state.ToHost())
            donor.Read(part);
        state.FromHost();
        state.Optimizer.StepCount = frame.OptimizerStep;
        state.Counters = frame.Counters;
        state.History = frame.History;
        if (state.ReplicaHash() != frame.Hash)
            throw new InvalidDataException($"the copy of step {frame.Step} does not have the donor's hash");
        state.Step = frame.Step;
        port.Log($"has the state of step {frame.Step} from a peer");
    }

    private void TakeStep(StateChannel donor, StateFrame frame, StepUpdate update, NativeBuffer figures)
    {
        donor.Read(figures.Floats);
        donor.Read(state.HostGradients);
        state.PushGradients();
        var sums = new TaskSums();
        figures.Floats.AsSpan().CopyTo(sums.Values);
        update.Apply(state, frame.Step, sums);
    }
}
