using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

public sealed class RankPortTests
{
    private readonly MemoryStream sent = new();

    [Fact]
    public void StepsAndLongPhasesAreReportedAtOnceAndShortOnesAreNot()
    {
        var port = Port();
        port.EnterPhase("data", 1);
        port.EnterPhase("reduce", 1);
        port.ReportStep(1, TimeSpan.FromSeconds(2), metrics: null);
        port.EnterPhase("checkpoint", 1);
        var reports = Sent();
        Assert.Equal([("training", 1L, 2.0), ("checkpoint", 1L, 0.0)], reports.Select(r => (r.Progress.Phase, r.Progress.Step, r.Progress.StepSeconds)));
        Assert.All(reports, r => Assert.Equal(("job", 3L, 1), (r.Progress.JobId, r.Progress.Generation, r.Progress.Rank)));
    }

    [Fact]
    public void AnAnswerToAnOlderProposalIsNotTakenForTheNewest()
    {
        var port = Port();
        port.Decide(new CheckpointDecision { Step = 10, Committed = true });
        port.Propose(new CheckpointProposal { Step = 20 });
        Assert.Null(port.AwaitDecision(TimeSpan.FromMilliseconds(1)));
        port.Decide(new CheckpointDecision { Step = 20, Committed = false, Error = "no" });
        Assert.Equal("no", port.AwaitDecision(TimeSpan.FromSeconds(10))!.Error);
    }

    [Fact]
    public void AStopIsSeenOnceItWasRequested()
    {
        var port = Port();
        Assert.False(port.StopRequested);
        port.RequestStop();
        Assert.True(port.StopRequested);
    }

    private RankPort Port() => new(new RankKey("job", 3, 1), new MessagePipe<RankCommand, RankReport>(Stream.Null, sent));

    private List<RankReport> Sent()
    {
        using var pipe = new MessagePipe<RankReport, RankCommand>(new MemoryStream(sent.ToArray()), Stream.Null);
        var reports = new List<RankReport>();
        while (pipe.Read() is { } report)
            reports.Add(report);
        return reports;
    }
}
