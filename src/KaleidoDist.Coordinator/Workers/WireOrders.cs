using KaleidoDist.Contracts;
using Google.Protobuf;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>Effects as messages to workers.</summary>
internal static class WireOrders
{
    /// <summary>Start rank processes.</summary>
    /// <param name="job">The job.</param>
    /// <param name="start">Which.</param>
    /// <param name="train">Its training set.</param>
    /// <param name="validation">Its validation set.</param>
    /// <param name="donationKey">Key that a joiner and its donor prove to each other; empty for processes that load a checkpoint.</param>
    public static Wire.CoordinatorMessage Start(JobState job, JobEffect.StartRanks start, DatasetManifest train, DatasetManifest? validation, ReadOnlySpan<byte> donationKey)
    {
        var order = new Wire.StartRanks
        {
            JobId = job.JobId,
            Generation = start.Generation,
            SpecJson = job.Spec.ToJson(),
            Train = train.ToProto(),
            Validation = validation?.ToProto(),
            ResumeSeq = start.ResumeSeq,
            StopAfterStep = job.StopAfterStep,
            Joining = start.Joining,
            DonationKey = ByteString.CopyFrom(donationKey),
        };
        order.Members.AddRange(start.Members);
        return new Wire.CoordinatorMessage { StartRanks = order };
    }

    /// <summary>Form a generation.</summary>
    public static Wire.CoordinatorMessage Form(JobState job, JobEffect.FormGeneration form, ReadOnlySpan<byte> sessionKey, DateTimeOffset now)
    {
        var order = new Wire.FormGeneration
        {
            JobId = job.JobId,
            Generation = form.Generation,
            SessionKey = ByteString.CopyFrom(sessionKey),
            AtBorder = form.AtBorder,
            Stop = form.Stop,
            Failures = job.Failures,
            RunningSeconds = job.StartedAt is { } started ? Math.Max(0, (now - started).TotalSeconds) : 0,
        };
        order.Members.AddRange(form.Members.Select(m => new Wire.RankMember { Rank = m.Rank, Member = m.Member, WorkerId = m.WorkerId, Host = m.Host, Endpoint = m.Endpoint }));
        return new Wire.CoordinatorMessage { FormGeneration = order };
    }

    /// <summary>Give a copy of the state to a joiner.</summary>
    public static Wire.CoordinatorMessage Donate(string jobId, JobEffect.DonateState donate, ReadOnlySpan<byte> donationKey) => new()
    {
        DonateState = new Wire.DonateState
        {
            JobId = jobId,
            Generation = donate.Generation,
            Member = donate.Donor,
            Joiner = donate.Joiner,
            Endpoint = donate.Endpoint,
            DonationKey = ByteString.CopyFrom(donationKey),
        },
    };

    /// <summary>Stop rank processes: these members, or when none are named those of this and all older generations.</summary>
    public static Wire.CoordinatorMessage Stop(string jobId, long generation, bool withCheckpoint, IEnumerable<long> members)
    {
        var order = new Wire.StopRanks { JobId = jobId, Generation = generation, Mode = withCheckpoint ? Wire.StopRanksMode.Checkpoint : Wire.StopRanksMode.Kill };
        order.Members.AddRange(members);
        return new Wire.CoordinatorMessage { StopRanks = order };
    }

    /// <summary>Answer a proposal.</summary>
    public static Wire.CoordinatorMessage Verdict(string jobId, int rank, JobEffect.SendVerdict verdict) => new()
    {
        CheckpointVerdict = new Wire.CheckpointVerdict
        {
            JobId = jobId,
            Generation = verdict.Generation,
            Rank = rank,
            Member = verdict.Member,
            Decision = new Wire.CheckpointDecision
            {
                Step = verdict.Step,
                Attempt = verdict.Attempt,
                Committed = verdict.Seq > 0,
                Seq = verdict.Seq,
                Error = verdict.Error,
                Generation = verdict.Generation,
                Abandoned = verdict.IsAbandoned,
                SaveAgain = verdict.IsSaveAgain,
            },
        },
    };

    /// <summary>A drained worker runs nothing any more.</summary>
    public static Wire.CoordinatorMessage Dismissed(string reason) => new() { Dismissed = new Wire.Dismissed { Reason = reason } };

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
