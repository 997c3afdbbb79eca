using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>Trainings that end because they do not get better.</summary>
public sealed class EarlyStopTests
{
    private const string Metric = "validation.mlm.loss";

    // Nothing is ever better by so much: after the first evaluation each is stale.
    private static readonly string[] Hopeless =
    [
        "training.steps=12", "training.virtual_ranks=4", "training.global_batch_size=8", "checkpoint.every=3", "evaluation.every=2",
        $"evaluation.early_stop={{ metric: {Metric}, patience: 3, min_delta: 1000 }}",
    ];

    [Fact]
    public void ATrackCountsEvaluationsSinceTheBest()
    {
        var spec = new EarlyStopSpec(Metric, Patience: 2, MinDelta: 0.125);
        var track = EvaluationTrack.None;
        foreach (var (step, value) in new[] { (0L, 4.0), (10, 3.0), (20, 2.9375), (30, double.NaN), (40, 2.75) })
        {
            track = track.After(spec, step, value);
            track = track.After(spec, step, value / 2); // the same evaluation again
        }

        Assert.Equal(new EvaluationTrack(40, 2.75, 40, 0), track);
        Assert.Equal(new EvaluationTrack(50, 2.75, 40, 1), track.After(spec, 50, 2.75));
    }

    [Fact]
    public void TheReasonNamesTheMetricTheBestAndHowLongAgo()
    {
        var spec = MicroJob.Spec("runs/unused", "evaluation.every=1", $"evaluation.early_stop={{ metric: {Metric}, patience: 2 }}");
        ReplicaHistory History(int stale) => ReplicaHistory.None with { Evaluations = new EvaluationTrack(40, 5.25, 20, stale) };
        Assert.Null(EarlyStop.Reason(spec, History(stale: 1)));
        Assert.Equal("validation.mlm.loss has not been better than 5.25 of step 20 for 2 evaluations", EarlyStop.Reason(spec, History(stale: 2)));
        Assert.Null(EarlyStop.Reason(MicroJob.Spec("runs/unused"), History(stale: 99)));
    }

    [Fact]
    public void ATrainingThatGetsNoBetterCompletesWithAFinalCheckpointAtAnyWorldSize()
    {
        using MicroTraining alone = new(Hopeless), together = new(Hopeless);
        var port = new RecordingPort { OnPropose = alone.Commit };
        var (end, hash) = alone.Train(port);
        Assert.Equal(TrainingEnd.Completed, end);
        Assert.Equal([0L, 2L, 4L, 6L], port.Validations.Select(validation => validation.Step));
        Assert.Equal([(3L, "periodic"), (6L, "final")], port.Proposals.Select(proposal => (proposal.Step, proposal.Kind)));

        var other = new RecordingPort { OnPropose = together.Commit };
        Assert.Equal(hash, LoopbackWorld.Train(together, 3, other));
        Assert.Equal(port.Validations.SelectMany(v => v.Metrics), other.Validations.SelectMany(v => v.Metrics));
    }

    [Fact]
    public void AResumedTrainingEndsAtTheSameStepAndOneThatEndedTrainsNoMore()
    {
        using MicroTraining calm = new(Hopeless), broken = new(Hopeless);
        var (_, hash) = calm.Train(new RecordingPort { OnPropose = calm.Commit });

        var setup = broken.Setup;
        broken.Setup = setup with { StopAfterStep = 5 };
        Assert.Equal(TrainingEnd.Stopped, broken.Train(new RecordingPort { OnPropose = broken.Commit }).End);

        // From the checkpoint of step 3, as after a kill: the evaluation of step 4 is done again and counts once.
        broken.Setup = setup with { ResumeSeq = 1 };
        var port = new RecordingPort { OnPropose = broken.Commit };
        Assert.Equal((TrainingEnd.Completed, hash), broken.Train(port));
        Assert.Equal([4L, 5L, 6L], port.Steps.Select(step => step.Step));

        broken.Setup = setup with { ResumeSeq = 3 };
        var again = new RecordingPort();
        Assert.Equal((TrainingEnd.Completed, hash), broken.Train(again));
        Assert.Empty(again.Steps);
        Assert.Empty(again.Proposals);

        // With more patience the same checkpoint goes on.
        using var patient = new MicroTraining([.. Hopeless, "evaluation.early_stop.patience=4"]);
        patient.Setup = patient.From(broken, 3);
        var more = new RecordingPort { OnPropose = broken.Commit };
        patient.Train(more);
        Assert.Equal([7L, 8L], more.Steps.Select(step => step.Step));
    }

    [Fact]
    public void AnEvaluationThatOnlySomeRanksHeardOfCountsForAll()
    {
        using var training = new MicroTraining(Hopeless);
        var tracks = new EvaluationTrack[2];
        LoopbackWorld.Run(training, 2, (rank, collective) =>
        {
            using var state = ReplicaState.Create(training.Setup);
            if (rank == 1)
                state.History = state.History with { Evaluations = new EvaluationTrack(0, 5, 0, 0) };
            StateAgreement.Reach(training.Setup, state, collective, new RecordingPort(), TimeProvider.System);
            tracks[rank] = state.History.Evaluations;
        });
        Assert.Equal([new EvaluationTrack(0, 5, 0, 0), new EvaluationTrack(0, 5, 0, 0)], tracks);
    }
}
