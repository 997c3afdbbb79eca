using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>How a training loop ended.</summary>
public enum TrainingEnd
{
    /// <summary>The last step was applied, or no later one would have made it better, and its checkpoint is committed.</summary>
    Completed,

    /// <summary>Stopped on request, after a checkpoint where one could be written.</summary>
    Stopped,

    /// <summary>The next generation takes over: this one parted at a step border.</summary>
    Parted,
}

/// <summary>
/// The training loop of one rank of one generation: step, report, evaluate, checkpoint, stop. Every decision that all ranks must share
/// (stop here, checkpoint here, part here) travels in the step's own reduction, so no rank ever asks another or the coordinator. The
/// replica is its caller's and outlives it: after a failure the next generation's loop goes on with it.
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
    private readonly RankCheckpoints checkpoints;
    private readonly RunRecorder? recorder;
    private readonly TimeProvider time;
    private readonly SampleLedger? ledger;
    private StateDonation? donation;

    /// <summary>Prepares the loop from the state's step to the last.</summary>
    public Trainer(TrainerSetup setup, ReplicaState state, ICollective collective, ITrainingPort port, TimeProvider time)
    {
        (this.setup, spec, this.state, this.collective, this.port, this.time) = (setup, setup.Spec, state, collective, port, time);
        hosted = VirtualRankRange.Of(collective.Rank, collective.WorldSize, spec.Training.VirtualRanks);
        ledger = SampleLedger.FromEnvironment(time);
        trainStep = new TrainStep(spec, state, new StepUpdate(spec, setup.TotalSteps), collective, hosted, port, time, ledger) { Reduced = (step, sums) => donation?.Note(step, sums) };
        feed = setup.CreateFeed(hosted, state.Step, Math.Max(state.Step, setup.LastStep));
        evaluator = setup.Validation is { } validation ? new Evaluator(setup, state, validation, collective, hosted, new Departure(port, collective, time)) { Reducing = step => port.EnterPhase("reduce", step) } : null;
        checkpoints = new RankCheckpoints(setup, state, collective, port, time);
        if (collective.Rank == 0)
            recorder = new RunRecorder(setup.RunDirectory, state.Step, port);
    }

    /// <summary>Trains to the end, or to the border at which any rank was told to stop or to part.</summary>
    public TrainingEnd Run()
    {
        RecordWhatAnotherRankDidNot();
        if (IsEvaluationMissing())
            Evaluate();
        bool stopped = false, parted = false;
        while (!IsAtEnd && !stopped && !parted)
        {
            GiveStateIfAsked();
            var figures = trainStep.Run(state.Step + 1, feed, checkpoints);
            Report(figures);
            if (IsEvaluationDue())
                Evaluate();
            var last = IsAtEnd;
            (stopped, parted) = (figures.Sums.StopRequested, figures.Sums.PartRequested && !last);
            var waits = last || stopped;
            if (waits || (spec.Training.VerifyEvery > 0 && state.Step % spec.Training.VerifyEvery == 0))
                ReplicaComparison.Heal(state, collective, port);
            if (!waits)
                SaveIfDue(figures.Sums, IsBest);
        }

        donation?.Complete();
        if (parted && !stopped)
            return TrainingEnd.Parted;
        if (IsCompleted)
            checkpoints.SaveFinal();
        else
            checkpoints.SavePreempted();
        return IsCompleted ? TrainingEnd.Completed : TrainingEnd.Stopped;
    }

    /// <summary>Saves the state as it is, for a job that was stopped while its generation was broken.</summary>
    public TrainingEnd Stop()
    {
        RecordWhatAnotherRankDidNot();
        checkpoints.SavePreempted();
        return IsCompleted ? TrainingEnd.Completed : TrainingEnd.Stopped;
    }

    /// <summary>Why the training ended before its last step, as a clause; null when it did not.</summary>
    public string? EarlyEnd => state.Step < setup.TotalSteps ? EarlyStop.Reason(spec, state.History) : null;

    private bool IsCompleted => state.Step >= setup.TotalSteps || EarlyEnd is not null;

    private bool IsAtEnd => state.Step >= setup.LastStep || EarlyEnd is not null;

    /// <inheritdoc/>
    public void Dispose()
    {
        donation?.Complete();
        checkpoints.Dispose();
        feed.Dispose();
        trainStep.Dispose();
        recorder?.Dispose();
        ledger?.Dispose();
    }

    /// <summary>Whether the present step measured better than all before it by the metric that the best checkpoints are kept by: then there must be one of it.</summary>
    private bool IsBest => spec.Checkpoint.KeepBest is not null && state.History.Kept.BestAt == state.Step;

    /// <summary>Follows the save under way and begins one that is due; a rank that is still busy with the one before makes all of them leave it out.</summary>
    private void SaveIfDue(TaskSums sums, bool isBest)
    {
        checkpoints.Follow();
        if (!sums.CheckpointRequested && !isBest)
            return;
        if (sums.IsSaving)
            checkpoints.Skip();
        else
            checkpoints.SavePeriodic();
    }

    /// <summary>A rank 0 that was lost may have applied a step, or evaluated it, without having recorded it.</summary>
    private void RecordWhatAnotherRankDidNot()
    {
        if (recorder is not null && recorder.LastStep < state.Step && state.LastApplied is { } figures && figures.Step == state.Step)
            recorder.Record(Describe(figures));
    }

    /// <summary>Whether the evaluation of the present step is due and in nobody's record. Only rank 0 can know: it tells the others.</summary>
    private bool IsEvaluationMissing()
    {
        if (!IsEvaluationDue())
            return false;
        var isUnrecorded = recorder is not null && recorder.LastValidation < state.Step;
        var isUncounted = CountedBy is not null && state.History.Evaluations.At < state.Step;
        var mine = new byte[] { isUnrecorded || isUncounted ? (byte)1 : (byte)0 };
        var all = new byte[collective.WorldSize];
        collective.AllGather(mine, all);
        return all[0] == 1;
    }

    private bool IsEvaluationDue()
        => evaluator is not null && (state.Step == 0 || state.Step == setup.LastStep || (spec.Evaluation.Every > 0 && state.Step % spec.Evaluation.Every == 0));

    private void GiveStateIfAsked()
    {
        if (port.TakeDonation() is not { } order || donation?.IsFor(order.Joiner) == true)
            return;
        donation?.Complete();
        donation = StateDonation.Begin(state, order, port, time);
    }

    private StepMetrics Describe(StepFigures figures) => figures.ToProto(
        setup.EpochsAfter(figures.Step), setup.PositionAfter(figures.Step).SampleCount, state.Counters.ReplacedSamples, collective.Generation, collective.WorldSize);

    private void Report(StepFigures figures)
    {
        StepMetrics? metrics = null;
        if (recorder is not null)
        {
            metrics = Describe(figures);
            recorder.Record(metrics);
        }

        port.ReportStep(figures.Step, figures.Times, metrics);
        if (!figures.Applied && collective.Rank == 0)
            port.Warn("KD-T101", $"The gradient of step {figures.Step} is not finite (norm {figures.GradientNorm}); the step changed nothing. After {NonFiniteLimit} in a row the job fails: lower the learning rate.");
        if (state.Counters.NonFiniteInARow >= NonFiniteLimit)
            throw KaleidoException.Usage($"The gradients of {NonFiniteLimit} steps in a row, up to step {figures.Step}, are not finite; expected numbers. Lower 'training.optimizer.learning_rate' ({spec.Training.Optimizer.LearningRate}) and go on from the newest checkpoint.");
    }

    /// <summary>What the evaluation of the present step counts for. One out of turn, where a run is made to stop, counts nothing: the job ends where it would have without.</summary>
    private EarlyStopSpec? CountedBy => spec.Evaluation.EarlyStop is { } stop && state.Step % spec.Evaluation.Every == 0 ? stop : null;

    /// <summary>Every rank has the same reduced values, so every rank counts the same.</summary>
    private void Count(IReadOnlyList<TaskMetric> metrics)
    {
        double Value(string name) => metrics.Single(metric => ValidationMetric.Name(metric.Task, metric.Metric) == name).Value;
        if (spec.Checkpoint.KeepBest is { } best)
            state.History = state.History with { Kept = state.History.Kept.After(new EarlyStopSpec(best.Metric, 1, 0), state.Step, Value(best.Metric)) };
        if (CountedBy is not { } stop)
            return;
        state.History = state.History with { Evaluations = state.History.Evaluations.After(stop, state.Step, Value(stop.Metric)) };
        if (EarlyEnd is { } reason && collective.Rank == 0)
            port.Log($"ends after step {state.Step} of {setup.TotalSteps}: {reason}");
    }

    private void Evaluate()
    {
        if (evaluator is null)
            return;
        port.EnterPhase("evaluation", state.Step);
        var metrics = evaluator.Run(state.Step);
        Count(metrics);
        if (recorder is null)
            return;
        recorder.Record(metrics, state.Step);
        checkpoints.Remember(metrics);
        port.ReportValidation(state.Step, metrics);
    }
}
