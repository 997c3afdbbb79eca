using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>What the training loop knows of the world around its rank: whom it reports to and who may stop it.</summary>
public interface ITrainingPort
{
    /// <summary>Whether this rank was told to stop at the next step border.</summary>
    bool StopRequested { get; }

    /// <summary>Whether the next generation is known and takes over at the next step border.</summary>
    bool PartRequested { get; }

    /// <summary>An order to give the state to a joiner, once; null when there is none.</summary>
    DonateState? TakeDonation();

    /// <summary>Says what the rank does now: data, forward, reduce, optimizer, checkpoint, evaluation.</summary>
    void EnterPhase(string phase, long step);

    /// <summary>Reports an applied step and where its time went on this rank; metrics from rank 0 only.</summary>
    void ReportStep(long step, StepTimes times, StepMetrics? metrics);

    /// <summary>Reports validation results (rank 0).</summary>
    void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics);

    /// <summary>Says something a person should know while training goes on.</summary>
    void Warn(string code, string text);

    /// <summary>Writes a line to the rank's log.</summary>
    void Log(string line);

    /// <summary>Reports this rank's shard of a checkpoint, written or failed. From any thread.</summary>
    void Propose(CheckpointProposal proposal);

    /// <summary>The next decision about a checkpoint, be it an earlier one; waits for one up to the limit. Null when none came.</summary>
    CheckpointDecision? AwaitDecision(TimeSpan limit);
}
