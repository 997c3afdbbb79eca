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

    /// <summary>Hands in written files for commit (rank 0).</summary>
    void Propose(CheckpointProposal proposal);

    /// <summary>Waits for the next answer to a proposal, be it an earlier one; null when none came in time.</summary>
    CheckpointDecision? AwaitDecision(TimeSpan limit);
}
