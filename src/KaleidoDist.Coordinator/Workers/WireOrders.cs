using KaleidoDist.Contracts;
using Google.Protobuf;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>Effects as messages to workers.</summary>
internal static class WireOrders
{
    /// <summary>Start ranks.</summary>
    public static Wire.CoordinatorMessage Start(JobState job, JobEffect.StartRanks start, DatasetManifest train, DatasetManifest? validation, ReadOnlySpan<byte> sessionKey)
    {
        var order = new Wire.StartRanks
        {
            JobId = job.JobId,
            Generation = start.Generation,
            WorldSize = start.WorldSize,
            SpecJson = job.Spec.ToJson(),
            Train = train.ToProto(),
            Validation = validation?.ToProto(),
            RunDirectory = job.RunDirectory,
            ResumeSeq = start.ResumeSeq,
            SessionKey = ByteString.CopyFrom(sessionKey),
            StopAfterStep = job.StopAfterStep,
        };
        order.Ranks.AddRange(start.Ranks);
        return new Wire.CoordinatorMessage { StartRanks = order };
    }

    /// <summary>Introduce ranks to each other.</summary>
    public static Wire.CoordinatorMessage Form(string jobId, JobEffect.FormGeneration form)
    {
        var order = new Wire.FormGeneration { JobId = jobId, Generation = form.Generation };
        order.Members.AddRange(form.Members.Select(m => new Wire.RankMember { Rank = m.Rank, WorkerId = m.WorkerId, Host = m.Host, Endpoint = m.Endpoint }));
        return new Wire.CoordinatorMessage { FormGeneration = order };
    }

    /// <summary>Stop ranks of this and all older generations.</summary>
    public static Wire.CoordinatorMessage Stop(string jobId, long generation, bool withCheckpoint) => new()
    {
        StopRanks = new Wire.StopRanks
        {
            JobId = jobId,
            Generation = generation,
            Mode = withCheckpoint ? Wire.StopRanksMode.Checkpoint : Wire.StopRanksMode.Kill,
        },
    };

    /// <summary>Answer a proposal.</summary>
    public static Wire.CoordinatorMessage Verdict(string jobId, JobEffect.SendVerdict verdict) => new()
    {
        CheckpointVerdict = new Wire.CheckpointVerdict
        {
            JobId = jobId,
            Generation = verdict.Generation,
            Rank = verdict.Rank,
            Decision = new Wire.CheckpointDecision
            {
                Step = verdict.Step,
                Attempt = verdict.Attempt,
                Committed = verdict.Seq > 0,
                Seq = verdict.Seq,
                Error = verdict.Error,
            },
        },
    };

    /// <summary>Another process has the worker's id.</summary>
    public static Wire.CoordinatorMessage Superseded(string workerId) => new()
    {
        Superseded = new Wire.Superseded { Reason = $"KD-W140 another process connected as worker '{workerId}'. Give each worker its own id." },
    };

    /// <summary>Greets a worker.</summary>
    public static Wire.CoordinatorMessage Welcome(CoordinatorOptions options) => new()
    {
        Welcome = new Wire.Welcome { HeartbeatMilliseconds = (int)options.HeartbeatPeriod.TotalMilliseconds, CoordinatorId = options.CoordinatorId },
    };
}
