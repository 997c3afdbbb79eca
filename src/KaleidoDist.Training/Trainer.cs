using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>How a training loop ended.</summary>
public enum TrainingEnd
{
    /// <summary>The last step was applied and its checkpoint is committed.</summary>
    Completed,

    /// <summary>Stopped on request, after a checkpoint where one could be written.</summary>
    Stopped,
}

/// <summary>
/// The training loop of one rank of one generation: step, report, evaluate, checkpoint, stop. Every decision that all ranks must share
/// (stop here, checkpoint here) travels in the step's own reduction, so no rank ever asks another or the coordinator.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const int NonFiniteLimit = 10;
    private readonly TrainerSetup setup;
    private readonly JobSpec spec;
    private readonly ReplicaState state;
    private readonly ICollective collective;
    private readonly ITrainingPort port;
    private readonly VirtualRankRange hosted;
    private readonly TrainStep trainStep;
    private readonly LeafFeed feed;
    private readonly Evaluator? evaluator;
    private readonly RankCheckpoints? checkpoints;
    private readonly RunRecorder? recorder;
    private int nonFiniteInARow;
    private long replacedSamples;

    /// <summary>Prepares the loop from the state's step to the last.</summary>
    public Trainer(TrainerSetup setup, ReplicaState state, ICollective collective, ITrainingPort port, TimeProvider time)
    {
        (this.setup, spec, this.state, this.collective, this.port) = (setup, setup.Spec, state, collective, port);
        hosted = VirtualRankRange.Of(collective.Rank, collective.WorldSize, spec.Training.VirtualRanks);
        var schedule = new LearningRateSchedule(spec.Training.Schedule, spec.Training.Optimizer.LearningRate, setup.TotalSteps);
        trainStep = new TrainStep(spec, state, schedule, collective, hosted, port, time);
        feed = new LeafFeed(
            new LeafFeedOptions
            {
                Manifest = setup.Train, Shape = setup.Shape, Seed = spec.Seed, Model = spec.Model, MicroBatchSize = spec.Training.MicroBatchSize,
                MaxBadRows = spec.Data.MaxBadRows, VirtualRanks = hosted, StartStep = state.Step, EndStep = Math.Max(state.Step, setup.LastStep),
            },
            setup.CreateEncoder());
        evaluator = setup.Validation is { } validation ? new Evaluator(setup, state, validation, collective, hosted) : null;
        if (collective.Rank == 0)
        {
            checkpoints = new RankCheckpoints(setup, state, collective, port, time);
            recorder = new RunRecorder(setup.RunDirectory, state.Step, port);
        }
    }

    /// <summary>Trains to the end, or to the border at which any rank was told to stop.</summary>
    public TrainingEnd Run()
    {
        if (state.Step == 0)
            Evaluate();
        var stopped = false;
        while (state.Step < setup.LastStep && !stopped)
        {
            var figures = trainStep.Run(state.Step + 1, feed, checkpoints?.IsDue(state.Step + 1) ?? false);
            Report(figures);
            stopped = figures.Sums.StopRequested;
            var last = state.Step == setup.LastStep;
            if (evaluator is not null && (last || (spec.Evaluation.Every > 0 && state.Step % spec.Evaluation.Every == 0)))
                Evaluate();
            if (spec.Training.VerifyEvery > 0 && state.Step % spec.Training.VerifyEvery == 0)
                CompareReplicas();
            if (figures.Sums.CheckpointRequested && !last && !stopped)
                checkpoints?.SavePeriodic();
        }

        var completed = state.Step >= setup.TotalSteps;
        if (completed)
            checkpoints?.SaveFinal();
        else
            checkpoints?.SavePreempted();
        return completed ? TrainingEnd.Completed : TrainingEnd.Stopped;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        feed.Dispose();
        trainStep.Dispose();
        recorder?.Dispose();
    }

    private void Report(StepFigures figures)
    {
        replacedSamples += figures.Sums.ReplacedCount;
        StepMetrics? metrics = null;
        if (recorder is not null)
        {
            metrics = figures.ToProto(setup.EpochsAfter(figures.Step), setup.PositionAfter(figures.Step).SampleCount, replacedSamples, collective.Generation, collective.WorldSize);
            recorder.Record(metrics);
        }

        port.ReportStep(figures.Step, figures.Times.Total, metrics);
        nonFiniteInARow = figures.Applied ? 0 : nonFiniteInARow + 1;
        if (!figures.Applied && collective.Rank == 0)
            port.Warn("KD-T101", $"The gradient of step {figures.Step} is not finite (norm {figures.GradientNorm}); the step changed nothing. After {NonFiniteLimit} in a row the job fails: lower the learning rate.");
        if (nonFiniteInARow >= NonFiniteLimit)
            throw KaleidoException.Usage($"The gradients of {NonFiniteLimit} steps in a row, up to step {figures.Step}, are not finite; expected numbers. Lower 'training.optimizer.learning_rate' ({spec.Training.Optimizer.LearningRate}) and go on from the newest checkpoint.");
    }

    private void Evaluate()
    {
        if (evaluator is null)
            return;
        port.EnterPhase("evaluation", state.Step);
        var metrics = evaluator.Run(state.Step);
        if (recorder is null)
            return;
        recorder.Record(metrics, state.Step);
        checkpoints?.Remember(metrics);
        port.ReportValidation(state.Step, metrics);
    }

    private void CompareReplicas()
    {
        if (ReplicaComparison.FindOddRanks(state, collective) is { Count: > 0 } odd)
            throw new KaleidoException($"KD-T110 After step {state.Step} the weights of rank {string.Join(", ", odd)} differ from the other ranks'; expected equal bits. Suspect that machine's memory; the job goes on from the newest checkpoint.", ExitCode.Resumable);
    }
}
