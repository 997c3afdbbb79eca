using Google.Protobuf.WellKnownTypes;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli.Tests;

/// <summary>Snapshots and steps with easy numbers.</summary>
internal static class Jobs
{
    /// <summary>A running job at step 120 of 400.</summary>
    internal static JobStatus Running() => new()
    {
        JobId = "quickstart-7f3a",
        Name = "quickstart",
        State = JobState.Running,
        Reason = "all 2 ranks train",
        Revision = 7,
        Generation = 1,
        WorldSize = 2,
        SubmittedAt = At(-300),
        StartedAt = At(-280),
        Step = 120,
        TotalSteps = 400,
        Epoch = 1.6,
        Samples = 3840,
        SamplesPerSecond = 21.3,
        EtaSeconds = 421,
        LastStep = Step(120),
        RunDirectory = "/runs/quickstart",
        Ranks =
        {
            new RankStatus { Rank = 0, WorkerId = "w1", Phase = "forward", Step = 120, StepSeconds = 1.5, FirstVirtualRank = 0, VirtualRankCount = 4, ProcessId = 101 },
            new RankStatus { Rank = 1, WorkerId = "w1", Phase = "reduce", Step = 120, StepSeconds = 1.25, FirstVirtualRank = 4, VirtualRankCount = 4, ProcessId = 102 },
        },
        Checkpoints = { new CheckpointInfo { Seq = 2, Step = 100, Epoch = 1, Samples = 3200, WorldSize = 2, Generation = 1, Bytes = 24_536_678, WeightsXxh128 = "ab", Kind = "periodic", CreatedAt = At(-12) } },
        Events = { new JobEvent { At = At(-200), Code = "KD-W101", Text = "worker w2 exited (SIGKILL)" }, new JobEvent { At = At(-12), Text = "checkpoint 2 committed" } },
    };

    /// <summary>A step of the job.</summary>
    internal static StepMetrics Step(long step, long generation = 1) => new()
    {
        Step = step,
        Epoch = step / 75.0,
        Samples = step * 32,
        TotalLoss = 12.345,
        LearningRate = 4.5e-4,
        GradientNorm = 1.2345,
        StepSeconds = 1.5,
        Generation = generation,
        WorldSize = 2,
        Tasks =
        {
            new TaskLoss { Task = "mlm", Loss = 6.1234, Accuracy = 0.123 },
            new TaskLoss { Task = "jigsaw", Loss = 2.5, Accuracy = 0.25 },
            new TaskLoss { Task = "grey", Loss = 0.1583, Accuracy = -1 },
        },
    };

    /// <summary>Seconds from the time at which tests run.</summary>
    internal static Timestamp At(double seconds) => Timestamp.FromDateTimeOffset(ManualTime.Start.AddSeconds(seconds));
}
