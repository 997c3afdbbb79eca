using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using TorchSharp;

namespace KaleidoDist.Training;

/// <summary>
/// One optimizer step, told top to bottom: (1) gradients of the hosted virtual ranks, (2) their canonical sum over all ranks,
/// (3) the mean, (4) the clip, (5) the update. Everything after (2) is identical on every rank.
/// </summary>
internal sealed class TrainStep : IDisposable
{
    private readonly ReplicaState state;
    private readonly ICollective collective;
    private readonly ITrainingPort port;
    private readonly TimeProvider time;
    private readonly LeafGradient leafGradient;
    private readonly LearningRateSchedule schedule;
    private readonly double clipNorm;
    private readonly VirtualRankRange hosted;
    private readonly LeafAccumulator gradients;
    private readonly LeafAccumulator figures;
    private readonly NativeBuffer figureBuffer = NativeBuffer.OfFloats(TaskSums.Length);

    internal TrainStep(JobSpec spec, ReplicaState state, LearningRateSchedule schedule, ICollective collective, VirtualRankRange hosted, ITrainingPort port, TimeProvider time)
    {
        (this.state, this.collective, this.hosted, this.port, this.time, this.schedule) = (state, collective, hosted, port, time, schedule);
        leafGradient = new LeafGradient(spec, state.Model, state.Parameters, state.Device);
        clipNorm = spec.Training.Optimizer.ClipNorm;
        gradients = new LeafAccumulator(collective.Tree, hosted, state.Parameters.Layout.Length);
        figures = new LeafAccumulator(collective.Tree, hosted, TaskSums.Length);
    }

    /// <summary>Runs step <paramref name="step"/> (1-based) over the leaves that <paramref name="feed"/> hands out.</summary>
    internal StepFigures Run(long step, LeafFeed feed, bool checkpointDue)
    {
        var begin = time.GetTimestamp();
        TimeSpan data = default, compute = default;
        gradients.Reset();
        figures.Reset();
        for (var virtualRank = hosted.First; virtualRank < hosted.End; virtualRank++)
        {
            var asked = time.GetTimestamp();
            port.EnterPhase("data", step);
            var leaf = feed.Next() ?? throw new InvalidOperationException($"The feed ended before step {step}.");
            data += time.GetElapsedTime(asked);

            var started = time.GetTimestamp();
            port.EnterPhase("compute", step);
            var sums = new TaskSums();
            leafGradient.Compute(step, leaf, sums);
            if (virtualRank == hosted.First)
                sums.Request(port.StopRequested, checkpointDue);
            gradients.Add(state.PullGradients());
            sums.Values.CopyTo(figureBuffer.Floats.AsSpan());
            figures.Add(figureBuffer.Floats);
            compute += time.GetElapsedTime(started);
        }

        port.EnterPhase("reduce", step);
        var reducing = time.GetTimestamp();
        collective.AllReduce(gradients.Partials, state.HostGradients);
        collective.AllReduce(figures.Partials, figureBuffer.Floats);
        state.PushGradients();
        var reduced = new TaskSums();
        figureBuffer.Floats.AsSpan().CopyTo(reduced.Values);
        var reduce = time.GetElapsedTime(reducing);

        port.EnterPhase("optimizer", step);
        var rate = schedule.RateAt(step - 1);
        var norm = Update(reduced.SampleCount, rate);
        return new StepFigures(step, reduced, rate, norm, double.IsFinite(norm), new StepTimes(data, compute, reduce, time.GetElapsedTime(begin)));
    }

    public void Dispose()
    {
        gradients.Dispose();
        figures.Dispose();
        figureBuffer.Dispose();
    }

    private double Update(long samples, double rate)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        state.Parameters.Gradients.mul_(1.0 / samples);
        var norm = GradientClip.Apply(state.Parameters.Gradients, state.Parameters.Layout, clipNorm);
        if (double.IsFinite(norm))
            state.Optimizer.Step(rate);
        state.Step++;
        return norm;
    }
}
