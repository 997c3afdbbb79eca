using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>The world around a rank, played by a test: remembers what it was told and answers as it was set up to.</summary>
internal sealed class RecordingPort : ITrainingPort
{
    public long StopAfter { get; init; } = long.MaxValue;

    public Func<CheckpointProposal, CheckpointDecision?> Answer { get; init; } = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Committed = true };

    public List<StepMetrics> Steps { get; } = [];

    public List<CheckpointProposal> Proposals { get; } = [];

    public List<string> Warnings { get; } = [];

    public List<TaskMetric> Validation { get; } = [];

    public bool StopRequested => Steps.Count >= StopAfter;

    public void EnterPhase(string phase, long step)
    {
    }

    public void ReportStep(long step, TimeSpan duration, StepMetrics? metrics) => Steps.Add(metrics!);

    public void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics) => Validation.AddRange(metrics);

    public void Warn(string code, string text) => Warnings.Add($"{code} {text}");

    public void Log(string line)
    {
    }

    public void Propose(CheckpointProposal proposal) => Proposals.Add(proposal);

    public CheckpointDecision? AwaitDecision(TimeSpan limit) => Answer(Proposals[^1]);
}
