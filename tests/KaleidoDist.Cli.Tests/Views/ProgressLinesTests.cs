using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli.Tests;

public sealed class ProgressLinesTests
{
    [Fact]
    public void AnExtractionTellsRowsAndTheirRate()
        => Assert.Equal(
            "rows 1,024  row groups 4/11  3 do not decode  9.3 rows/s  ETA 2 m 0 s",
            ProgressLines.Step(
                new StepMetrics { Step = 4, Samples = 1024, SamplesPerSecond = 9.3, ReplacedSamples = 3 }, new JobStatus { Task = "extract", TotalSteps = 11, EtaSeconds = 120 }));

    [Fact]
    public void AStepIsOneLine() => Assert.Equal(
        "step 120/400  epoch 1.6  loss 12.35  mlm 6.123 (12.3 %)  jigsaw 2.5 (25.0 %)  grey 0.1583  lr 4.50e-04  norm 1.234  21.3 samples/s  ETA 7 m 1 s",
        ProgressLines.Step(Jobs.Step(120), Jobs.Running()));

    [Fact]
    public void AChangeOfMembershipIsTakenApart() => Assert.Equal(
        "last change: generation 3, 1 rank from step 512 (decided in 40 ms, formed in 250 ms): rank 1 on w2 was killed by SIGKILL",
        ProgressLines.Regroup(new Regroup
        {
            Generation = 3, WorldSize = 1, Step = 512, Cause = "rank 1 on w2 was killed by SIGKILL", NoticedAt = Jobs.At(0), DecidedAt = Jobs.At(0.04), FormedAt = Jobs.At(0.29),
        }));

    [Fact]
    public void WhatIsNotKnownYetIsLeftOut() => Assert.Equal(
        "step 1  epoch 0.0  loss 12.35  mlm 6.123 (12.3 %)  jigsaw 2.5 (25.0 %)  grey 0.1583  lr 4.50e-04  norm 1.234",
        ProgressLines.Step(Jobs.Step(1), new JobStatus()));

    [Fact]
    public void TheFirstSnapshotTellsEverything() => Assert.Equal(
        [
            "running (generation 1, 2 ranks): all 2 ranks train",
            "KD-W101 worker w2 exited (SIGKILL)",
            "checkpoint 2 committed",
            "checkpoint 2 at step 100 (23.4 MiB)",
        ],
        ProgressLines.Changes(null, Jobs.Running()).Select(l => l.Text));

    [Fact]
    public void MereProgressIsNoChange()
    {
        var after = Jobs.Running();
        (after.Step, after.SamplesPerSecond, after.Revision) = (121, 30, 8);
        Assert.Empty(ProgressLines.Changes(Jobs.Running(), after));
    }

    [Fact]
    public void OnlyWhatIsNewIsTold()
    {
        var after = Jobs.Running();
        (after.State, after.Reason, after.Generation, after.WorldSize) = (JobState.Recovering, "rank 1 ended (SIGKILL)", 2, 1);
        after.Events.Add(new JobEvent { At = Jobs.At(0), Code = "KD-W120", Text = "rank 1 is\nsilent" });
        after.Checkpoints.Insert(0, new CheckpointInfo { Seq = 3, Step = 1200 });
        after.Validation.AddRange([
            new TaskMetric { Task = "mlm", Metric = "loss", Value = 4.5, Step = 120 },
            new TaskMetric { Task = "mlm", Metric = "accuracy", Value = 0.25, Step = 120 },
            new TaskMetric { Task = "mlm", Metric = "perplexity", Value = 90.0171, Step = 120 },
            new TaskMetric { Task = "grey", Metric = "loss", Value = 0.125, Step = 120 },
        ]);
        Assert.Equal(
            [
                "recovering (generation 2, 1 rank): rank 1 ended (SIGKILL)",
                "KD-W120 rank 1 is\uFFFDsilent",
                "checkpoint 3 at step 1,200",
                "validation at step 120: mlm 4.5 (25.0 %, perplexity 90.02), grey 0.125",
            ],
            ProgressLines.Changes(Jobs.Running(), after).Select(l => l.Text));
    }
}
