using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>A rank's world as a test plays it: keeps what is said, answers proposals as told.</summary>
internal sealed class RecordingPort : ITrainingPort
{
    private readonly Queue<CheckpointDecision> decisions = new();

    /// <summary>Answers a proposal; by default nobody does.</summary>
    public Func<CheckpointProposal, CheckpointDecision?> OnPropose { get; init; } = _ => null;

    /// <summary>Called after each step, on the rank thread.</summary>
    public Action<long> OnStep { get; init; } = _ => { };

    public bool StopRequested { get; set; }

    public bool PartRequested { get; set; }

    /// <summary>A donation that the next border finds.</summary>
    public DonateState? Donation { get; set; }

    public List<StepMetrics> Steps { get; } = [];

    public List<(long Step, IReadOnlyList<TaskMetric> Metrics)> Validations { get; } = [];

    public List<(string Code, string Text)> Warnings { get; } = [];

    public List<CheckpointProposal> Proposals { get; } = [];

    /// <summary>How often an answer was waited for.</summary>
    public int Waits { get; private set; }

    public DonateState? TakeDonation()
    {
        var order = Donation;
        Donation = null;
        return order;
    }

    public void EnterPhase(string phase, long step)
    {
    }

    public void ReportStep(long step, StepTimes times, StepMetrics? metrics)
    {
        if (metrics is not null)
            Steps.Add(metrics);
        OnStep(step);
    }

    public void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics) => Validations.Add((step, metrics));

    public void Log(string text)
    {
    }

    public void Warn(string code, string text) => Warnings.Add((code, text));

    /// <summary>An answer that arrives without being asked for.</summary>
    public void Deliver(CheckpointDecision decision) => decisions.Enqueue(decision);

    public void Propose(CheckpointProposal proposal)
    {
        Proposals.Add(proposal);
        if (OnPropose(proposal) is { } decision)
            decisions.Enqueue(decision);
    }

    public CheckpointDecision? AwaitDecision(TimeSpan limit)
    {
        Waits++;
        return decisions.TryDequeue(out var decision) ? decision : null;
    }
}
