using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>
/// One optimizer step, told top to bottom: (1) gradients of the hosted virtual ranks, (2) their canonical sum over all ranks, (3) the sum
/// of the figures, (4) the update. Everything after (2) is identical on every rank. The figures come last on purpose: calls are carried
/// out in order, so a rank that holds them knows that every rank holds the reduced gradient; only then is the step applied (decision 0008).
/// </summary>
internal sealed class TrainStep : IDisposable
{
    private readonly ReplicaState state;
    private readonly ICollective collective;
    private readonly ITrainingPort port;
    private readonly TimeProvider time;
    private readonly Departure departure;
    private readonly GradientReduction gradients;
    private readonly StepUpdate update;
    private readonly VirtualRankRange hosted;
    private readonly SampleLedger? ledger;
    private readonly LeafAccumulator figures;
    private readonly TrafficMeter traffic;
    private readonly NativeBuffer figureBuffer = NativeBuffer.OfFloats(TaskSums.Length);

    internal TrainStep(JobSpec spec, ReplicaState state, StepUpdate update, ICollective collective, VirtualRankRange hosted, ITrainingPort port, TimeProvider time, SampleLedger? ledger)
    {
        (this.state, this.update, this.collective, this.hosted, this.port, this.time, this.ledger) = (state, update, collective, hosted, port, time, ledger);
        departure = new Departure(port, collective, time);
        gradients = new GradientReduction(spec, state, collective);
        traffic = new TrafficMeter(collective);
        figures = new LeafAccumulator(collective.Tree, hosted, TaskSums.Length);
    }

    /// <summary>Called with a step that is reduced on this rank but not applied yet; the gradient is in the state's host buffer.</summary>
    internal Action<long, TaskSums>? Reduced { get; set; }

    /// <summary>Runs step <paramref name="step"/> (1-based) over the leaves that <paramref name="feed"/> hands out. Before the update it waits for a snapshot of the state.</summary>
    internal StepFigures Run(long step, LeafFeed feed, RankCheckpoints checkpoints)
    {
        var begin = time.GetTimestamp();
        state.ReducedStep = 0;
        TimeSpan data = default, compute = default;
        gradients.Reset();
        figures.Reset();
        for (var virtualRank = hosted.First; virtualRank < hosted.End; virtualRank++)
        {
            var asked = time.GetTimestamp();
            port.EnterPhase("data", step);
            var leaf = departure.Await(feed.Next, "waiting for data") ?? throw new InvalidOperationException($"The feed ended before step {step}.");
            data += time.GetElapsedTime(asked);

            var started = time.GetTimestamp();
            var sums = new TaskSums();
            gradients.Add(step, leaf, sums, phase => port.EnterPhase(phase, step));
            ledger?.Computed(collective.Generation, step, virtualRank, leaf);
            if (virtualRank == hosted.End - 1)
                sums.Request(port.StopRequested, checkpoints.IsDue(step), port.PartRequested, checkpoints.IsBusy);
            sums.Values.CopyTo(figureBuffer.Floats.AsSpan());
            figures.Add(figureBuffer.Floats);
            compute += time.GetElapsedTime(started);
        }

        port.EnterPhase("reduce", step);
        var reducing = time.GetTimestamp();
        gradients.Finish();
        state.ReducedStep = step;
        collective.AllReduce(figures.Partials, figureBuffer.Floats);
        var reduced = new TaskSums();
        figureBuffer.Floats.AsSpan().CopyTo(reduced.Values);
        var reduce = time.GetElapsedTime(reducing);
        Reduced?.Invoke(step, reduced);

        port.EnterPhase("optimizer", step);
        var applied = update.Apply(state, step, reduced);
        ledger?.Applied(collective.Generation, step, applied.GradientNorm);
        return applied with { Times = new StepTimes(data, compute, reduce, time.GetElapsedTime(begin)) { Sent = traffic.Lap() } };
    }

    public void Dispose()
    {
        gradients.Dispose();
        figures.Dispose();
        figureBuffer.Dispose();
    }
}
