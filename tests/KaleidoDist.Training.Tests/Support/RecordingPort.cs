using System.Collections.Concurrent;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>A rank's world as a test plays it: keeps what is said, answers proposals as told.</summary>
internal sealed class RecordingPort : ITrainingPort
{
    private readonly BlockingCollection<CheckpointDecision> decisions = [];
    private readonly List<CheckpointProposal> proposals = [];
    private readonly Lock gate = new();

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

    public IReadOnlyList<CheckpointProposal> Proposals
    {
        get
        {
            lock (gate)
                return [.. proposals];
        }
    }

    /// <summary>Ports of the other ranks, which hear what this one is answered. Then answers are waited for; else what is not there will not come.</summary>
    public IReadOnlyList<RecordingPort> Peers { get; set; } = [];

    /// <summary>How often an answer was waited for, not only looked for.</summary>
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
    public void Deliver(CheckpointDecision decision) => decisions.Add(decision);

    public void Propose(CheckpointProposal proposal)
    {
        lock (gate)
            proposals.Add(proposal);
        if (OnPropose(proposal) is not { } decision)
            return;
        decision.Generation = proposal.Generation;
        foreach (var port in Peers.Append(this))
            port.decisions.Add(decision);
    }

    public CheckpointDecision? AwaitDecision(TimeSpan limit)
    {
        if (limit > TimeSpan.Zero)
            Waits++;
        return decisions.TryTake(out var decision, Peers.Count > 0 && limit > TimeSpan.Zero ? limit : TimeSpan.Zero) ? decision : null;
    }
}
