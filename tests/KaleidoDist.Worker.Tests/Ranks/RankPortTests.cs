using KaleidoDist.Protocol.V1;
using KaleidoDist.TestKit;

namespace KaleidoDist.Worker.Tests;

public sealed class RankPortTests
{
    private readonly MemoryStream reports = new();
    private readonly RankPort port;

    public RankPortTests() => port = new RankPort(new RankKey("job-1", 2, 3), new MessagePipe<RankCommand, RankReport>(Stream.Null, reports));

    [Fact]
    public async Task AnAnswerIsAwaitedFromAnotherThread()
    {
        port.Propose(new CheckpointProposal { Step = 5 });
        var waiting = Task.Run(() => port.AwaitDecision(Eventually.Limit));
        port.Decide(new CheckpointDecision { Step = 5, Committed = true });
        Assert.Equal(5, (await waiting)!.Step);
    }

    [Fact]
    public void AnswersFromBeforeAProposalAreForgotten()
    {
        port.Decide(new CheckpointDecision { Step = 5 });
        port.Propose(new CheckpointProposal { Step = 6 });
        Assert.Null(port.AwaitDecision(TimeSpan.Zero));
        Assert.Null(port.AwaitDecision(TimeSpan.FromSeconds(-1)));
    }

    [Fact]
    public void OnlyPhasesThatLastAreReportedAtOnce()
    {
        foreach (var phase in new[] { "data", "compute", "reduce", "optimizer", "checkpoint", "checkpoint", "data", "evaluation" })
            port.EnterPhase(phase, 7);
        port.ReportStep(7, TimeSpan.FromSeconds(0.5), new StepMetrics { Step = 7 });
        var said = Said();
        Assert.Equal(["checkpoint", "evaluation", "training"], said.Select(report => report.Progress.Phase));
        Assert.All(said, report => Assert.Equal(("job-1", 2L, 3, 7L), (report.Progress.JobId, report.Progress.Generation, report.Progress.Rank, report.Progress.Step)));
        Assert.Equal((0.5, 7L), (said[^1].Progress.StepSeconds, said[^1].Progress.Metrics.Step));
    }

    [Fact]
    public void ARequestToStopIsSeenByTheLoop()
    {
        Assert.False(port.StopRequested);
        port.RequestStop();
        Assert.True(port.StopRequested);
    }

    private List<RankReport> Said()
    {
        using var reader = new MessagePipe<RankReport, RankCommand>(new MemoryStream(reports.ToArray()), Stream.Null);
        var said = new List<RankReport>();
        while (reader.Read() is { } report)
            said.Add(report);
        return said;
    }
}
