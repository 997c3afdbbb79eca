using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using KaleidoDist.TestKit;
using KaleidoDist.Training;

namespace KaleidoDist.Worker.Tests;

public sealed class RankPortTests
{
    private readonly MemoryStream reports = new();
    private readonly RankPort port;

    public RankPortTests() => port = new RankPort("job-1", member: 8, new MessagePipe<RankCommand, RankReport>(Stream.Null, reports));

    [Fact]
    public async Task AnAnswerIsAwaitedFromAnotherThread()
    {
        port.Propose(new CheckpointProposal { Step = 5 });
        var waiting = Task.Run(() => port.AwaitDecision(Eventually.Limit));
        port.Decide(new CheckpointDecision { Step = 5, Committed = true });
        Assert.Equal(5, (await waiting)!.Step);
    }

    [Fact]
    public void AnswersThatAreThereAreTakenInTheirOrderWithoutWaiting()
    {
        port.Decide(new CheckpointDecision { Step = 5 });
        port.Decide(new CheckpointDecision { Step = 6 });
        Assert.Equal(5, port.AwaitDecision(TimeSpan.Zero)!.Step);
        Assert.Equal(6, port.AwaitDecision(TimeSpan.FromSeconds(-1))!.Step);
        Assert.Null(port.AwaitDecision(TimeSpan.Zero));
        Assert.Null(port.AwaitDecision(TimeSpan.FromSeconds(-1)));
    }

    [Fact]
    public void OnlyPhasesThatLastAreReportedAtOnce()
    {
        port.Form(Generation(2, atBorder: false, (7, 0), (8, 3)));
        port.AwaitForm(TimeSpan.Zero, out _);
        foreach (var phase in new[] { "data", "forward", "backward", "reduce", "optimizer", "checkpoint", "checkpoint", "data", "evaluation" })
            port.EnterPhase(phase, 7);
        port.ReportStep(7, new StepTimes(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(0.15), TimeSpan.FromSeconds(0.5)) { Sent = [default, new LineTraffic(1000, TimeSpan.FromSeconds(0.25))] }, new StepMetrics { Step = 7 });
        var said = Said();
        Assert.Equal(["checkpoint", "evaluation", "training"], said.Select(report => report.Progress.Phase));
        Assert.All(said, report => Assert.Equal(("job-1", 2L, 3, 7L), (report.Progress.JobId, report.Progress.Generation, report.Progress.Rank, report.Progress.Step)));
        var last = said[^1].Progress;
        Assert.Equal((0.5, 0.1, 0.2, 0.15, 7L, 8L), (last.StepSeconds, last.DataSeconds, last.ComputeSeconds, last.ReduceSeconds, last.Metrics.Step, last.Member));
        Assert.Equal([0, 1000], last.SentBytes);
        Assert.Equal([0, 0.25], last.TravelSeconds);
    }

    [Fact]
    public void ARequestToStopIsSeenByTheLoop()
    {
        Assert.False(port.StopRequested);
        port.RequestStop();
        Assert.True(port.StopRequested);
    }

    [Fact]
    public void AGenerationThatWaitsForABorderDisturbsNobodyAndAnotherEndsTheGroup()
    {
        port.Form(Generation(2, atBorder: false, (8, 0)));
        Assert.Equal(2, port.AwaitForm(TimeSpan.Zero, out var superseded)!.Generation);
        Assert.False(port.PartRequested);
        using var group = new SingleRankCollective(new Membership("job-1", 2, [new Contracts.RankMember(0, "w", "h", "127.0.0.1:1")], new byte[32]), 8);
        port.Attach(group);

        port.Form(Generation(3, atBorder: true, (8, 0)));
        Assert.True(port.PartRequested);
        Assert.False(superseded.IsCancellationRequested);
        group.Barrier();

        port.Form(Generation(4, atBorder: false, (8, 0)));
        Assert.True(superseded.IsCancellationRequested);
        Assert.Throws<CollectiveAbortedException>(group.Barrier);
        Assert.Equal(4, port.AwaitForm(TimeSpan.Zero, out _)!.Generation);
    }

    [Fact]
    public void AGenerationThatCannotWaitForItsBorderAnyMoreEndsTheGroup()
    {
        port.Form(Generation(2, atBorder: false, (8, 0)));
        port.AwaitForm(TimeSpan.Zero, out _);
        using var group = new SingleRankCollective(new Membership("job-1", 2, [new Contracts.RankMember(0, "w", "h", "127.0.0.1:1")], new byte[32]), 8);
        port.Attach(group);
        port.Form(Generation(3, atBorder: true, (8, 0)));
        group.Barrier();
        port.Form(Generation(3, atBorder: false, (8, 0)));
        Assert.Throws<CollectiveAbortedException>(group.Barrier);
        Assert.Equal((3, false), port.AwaitForm(TimeSpan.Zero, out _) is { } form ? (form.Generation, form.AtBorder) : default);
        port.Form(Generation(3, atBorder: false, (8, 0)));
        Assert.Null(port.AwaitForm(TimeSpan.Zero, out _));
    }

    [Fact]
    public void AnOlderGenerationIsNotFormed()
    {
        port.Form(Generation(4, atBorder: false, (8, 0)));
        port.Form(Generation(3, atBorder: false, (8, 0)));
        Assert.Equal(4, port.AwaitForm(TimeSpan.Zero, out _)!.Generation);
        port.Form(Generation(4, atBorder: false, (8, 0)));
        Assert.Null(port.AwaitForm(TimeSpan.Zero, out _));
    }

    [Fact]
    public void ADonationIsTakenOnceAndOnlyInTheGenerationItWasOrderedIn()
    {
        port.Form(Generation(2, atBorder: false, (8, 0)));
        port.AwaitForm(TimeSpan.Zero, out _);
        port.Donate(new DonateState { Generation = 1, Member = 8, Joiner = 9 });
        Assert.Null(port.TakeDonation());
        port.Donate(new DonateState { Generation = 2, Member = 8, Joiner = 9 });
        Assert.Equal(9, port.TakeDonation()!.Joiner);
        Assert.Null(port.TakeDonation());
    }

    [Fact]
    public void AJoinerThatNoDonorComesToSaysWhatItSaidWhenItWasReady()
    {
        port.ReportNoDonor(); // not ready yet
        using var listener = DataPlaneListener.Bind(System.Net.IPAddress.Loopback);
        port.ReportReady(new RankReady { JobId = "job-1", Member = 8, Endpoint = "127.0.0.1:9", Environment = { ["libtorch"] = "2.10" } }, listener);
        port.ReportNoDonor();
        var said = Said().ConvertAll(report => report.Ready);
        Assert.Equal([false, true], said.Select(ready => ready.AwaitsDonor));
        Assert.Equal(said[0], new RankReady(said[1]) { AwaitsDonor = false });
    }

    [Fact]
    public void AnInterruptionNamesThePeer()
    {
        port.Form(Generation(2, atBorder: false, (7, 0), (8, 1)));
        port.AwaitForm(TimeSpan.Zero, out _);
        port.EnterPhase("reduce", 41);
        port.ReportInterrupted(40, new PeerLostException(0, 2, "reset"));
        var said = Said()[^1].Interrupted;
        Assert.Equal(("job-1", 2, 1, 8, 40, "reduce", 0, false), (said.JobId, said.Generation, said.Rank, said.Member, said.Step, said.Phase, said.LostPeer, said.TimedOut));
    }

    private static FormGeneration Generation(long generation, bool atBorder, params ReadOnlySpan<(long Member, int Rank)> members)
    {
        var form = new FormGeneration { JobId = "job-1", Generation = generation, AtBorder = atBorder };
        foreach (var (member, rank) in members)
            form.Members.Add(new Protocol.V1.RankMember { Member = member, Rank = rank });
        return form;
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
