using KaleidoDist.Checkpoints;
using KaleidoDist.Protocol.V1;
using KaleidoDist.TestKit;

namespace KaleidoDist.Worker.Tests;

/// <summary>A supervisor over real processes that play ranks.</summary>
public sealed class RankSupervisorTests
{
    [Fact]
    public async Task ARankIsStartedFormedAnsweredAndStopped()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Obedient));
        await agent.StartAsync(generation: 4, 7);
        var ready = await agent.ReadyAsync();
        Assert.Equal((7, "127.0.0.1:1"), (ready.Member, ready.Endpoint));
        var running = Assert.Single(agent.Supervisor.Running);
        Assert.Equal((ready.ProcessId, "127.0.0.1:1", "starting", 7, 0, -1), (running.ProcessId, running.Endpoint, running.Phase, running.Member, running.Generation, running.Rank));

        Assert.Equal(ready, Assert.Single(agent.Supervisor.Unanswered).RankReady);
        agent.Supervisor.Form(Generation(5, member: 7, rank: 2));
        Assert.Equal((1, 5), (await agent.NextAsync(message => message.RankProgress) is { } progress ? (progress.Step, progress.Generation) : default));
        var written = await agent.NextAsync(message => message.CheckpointWritten);
        Assert.Equal((5, 2, 7, 1), (written.Generation, written.Rank, written.Member, written.Proposal.Step));
        Assert.Equal(written, Assert.Single(agent.Supervisor.Unanswered).CheckpointWritten);
        Assert.Equal((5, 2), (agent.Supervisor.Running[0].Generation, agent.Supervisor.Running[0].Rank));

        agent.Supervisor.Decide(new CheckpointVerdict { JobId = Supervised.JobId, Member = 7, Decision = new CheckpointDecision { Generation = 4, Step = 1, Attempt = 1, Committed = true, Seq = 8 } });
        Assert.Equal("verdict 8", (await agent.NextAsync(message => message.RankWarning)).Text);
        Assert.Single(agent.Supervisor.Unanswered);
        agent.Supervisor.Decide(new CheckpointVerdict { JobId = Supervised.JobId, Member = 7, Decision = new CheckpointDecision { Generation = 5, Step = 1, Attempt = 1, Committed = true, Seq = 9 } });
        Assert.Equal("verdict 9", (await agent.NextAsync(message => message.RankWarning)).Text);
        Assert.Empty(agent.Supervisor.Unanswered);
        agent.Supervisor.Donate(new DonateState { JobId = Supervised.JobId, Member = 7, Joiner = 9 });
        Assert.Equal("donation to 9", (await agent.NextAsync(message => message.RankWarning)).Text);

        agent.Supervisor.Stop(new StopRanks { JobId = Supervised.JobId, Generation = 4, Mode = StopRanksMode.Checkpoint });
        Assert.Equal(RankOutcome.Stopped, (await agent.NextAsync(message => message.RankFinished)).Outcome);
        var exited = await agent.ExitedAsync();
        Assert.Equal((0, "", RankOutcome.Stopped, ""), (exited.ExitCode, exited.Signal, exited.Outcome, exited.Error));
        Assert.False(agent.Supervisor.IsBusy);
        Assert.Equal(exited, Assert.Single(agent.Supervisor.Exits));
    }

    [Fact]
    public async Task ThatAJoinerCaughtUpIsSaidAgainUntilAGenerationHasIt()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Obedient));
        await agent.JoinAsync(generation: 4, 7);
        await agent.ReadyAsync();
        var caughtUp = await agent.NextAsync(message => message.RankCaughtUp);
        Assert.Equal(12, caughtUp.Step);
        Assert.Equal([WorkerMessage.KindOneofCase.RankReady, WorkerMessage.KindOneofCase.RankCaughtUp], agent.Supervisor.Unanswered.Select(message => message.KindCase));
        agent.Supervisor.Form(Generation(5, member: 7, rank: 2));
        await agent.NextAsync(message => message.CheckpointWritten);
        Assert.Equal(WorkerMessage.KindOneofCase.CheckpointWritten, Assert.Single(agent.Supervisor.Unanswered).KindCase);
    }

    [Fact]
    public async Task AnOrderToKillEndsRanksUpToItsGenerationAndFencesLateStarts()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Deaf));
        await agent.StartAsync(generation: 1, 10);
        await agent.StartAsync(generation: 3, 30);
        await agent.ReadyAsync();
        await agent.ReadyAsync();

        agent.Supervisor.Stop(new StopRanks { JobId = Supervised.JobId, Generation = 2, Mode = StopRanksMode.Kill });
        var exited = await agent.ExitedAsync();
        Assert.Equal((10, "SIGKILL", RankOutcome.Unspecified), (exited.Member, exited.Signal, exited.Outcome));
        await agent.StartAsync(generation: 2, 11, 12);
        Assert.Equal(30, Assert.Single(agent.Supervisor.Running).Member);
    }

    [Fact]
    public async Task AnOrderToKillMembersEndsThemAloneAndTheyAreNeverStartedAgain()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Deaf));
        await agent.StartAsync(generation: 1, 10, 11);
        await agent.ReadyAsync();
        await agent.ReadyAsync();
        agent.Supervisor.Stop(new StopRanks { JobId = Supervised.JobId, Generation = 9, Mode = StopRanksMode.Kill, Members = { 10, 12 } });
        Assert.Equal((10, "SIGKILL"), (await agent.ExitedAsync() is { } exited ? (exited.Member, exited.Signal) : default));
        await agent.StartAsync(generation: 9, 10, 12);
        Assert.Equal(11, Assert.Single(agent.Supervisor.Running).Member);
    }

    [Fact]
    public async Task AStoppedRankIsReportedWithWhatItDid()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Beating));
        await agent.StartAsync(generation: 1, 3);
        var rank = (await agent.ReadyAsync()).ProcessId;
        using var over = new CancellationTokenSource();
        var watching = agent.WatchAsync(over.Token);
        await Eventually.Holds("the rank beats", () => agent.Supervisor.Running[0].Phase == "reduce", () => agent.Supervisor.Running[0].Phase);
        Assert.True(ProcessControl.TrySignal(rank, ProcessSignal.Stop));
        var silent = await agent.NextAsync(message => message.RankSilent);
        Assert.Equal((3, "reduce", 12, true), (silent.Member, silent.Phase, silent.Step, silent.Stopped));
        Assert.InRange(silent.SilentSeconds, 1, 2.5);
        await over.CancelAsync();
        await watching;
    }

    [Fact]
    public async Task ARepeatedOrderStartsNoSecondProcess()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Deaf));
        await agent.StartAsync(generation: 1, 0);
        var first = await agent.ReadyAsync();
        await agent.StartAsync(generation: 1, 0);
        Assert.Equal(first.ProcessId, Assert.Single(agent.Supervisor.Running).ProcessId);
    }

    [Fact]
    public async Task AProgramThatCannotBeStartedIsReportedAsAnExit()
    {
        using var agent = new Supervised(new RankProgram("/nowhere/kaleido", ["rank"]));
        await agent.StartAsync(generation: 1, 0);
        var exited = await agent.ExitedAsync();
        Assert.Equal((-1, false), (exited.ExitCode, exited.Fatal));
        Assert.StartsWith("The rank process did not start: ", exited.Error, StringComparison.Ordinal);
        Assert.False(agent.Supervisor.IsBusy);
    }

    [Fact]
    public async Task ACrashIsReportedWithTheLastLineOfTheLog()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Crashing));
        await agent.StartAsync(generation: 1, 0);
        var exited = await agent.ExitedAsync();
        Assert.Equal((3, "", "terminate called after throwing an instance of 'c10::Error'", false), (exited.ExitCode, exited.Signal, exited.Error, exited.Fatal));
    }

    [Fact]
    public async Task LinesOfTheLogArePassedOnWithTheirRank()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Crashing));
        await agent.StartAsync(generation: 2, 5);
        var line = Assert.Single((await agent.NextAsync(message => message.LogBatch)).Lines);
        Assert.Equal((Supervised.JobId, 0, -1, "first line"), (line.JobId, line.Generation, line.Rank, line.Text));
    }

    [Fact]
    public async Task AFatalFailureIsReportedAsTheRankSaidIt()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Failing));
        await agent.StartAsync(generation: 1, 0);
        var exited = await agent.ExitedAsync();
        Assert.Equal((1, "Row group 7 has 0 rows.", true), (exited.ExitCode, exited.Error, exited.Fatal));
    }

    [Fact]
    public async Task ARankThatWritesWhatIsNotAReportIsKilled()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Babbling));
        await agent.StartAsync(generation: 1, 0);
        var exited = await agent.ExitedAsync();
        Assert.Equal("SIGKILL", exited.Signal);
        Assert.StartsWith("the rank wrote something that is not a report", exited.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARankThatRunsOnAfterItsLastReportIsKilledAfterAGrace()
    {
        using var agent = new Supervised(FakeRank.Program(FakeRank.Lingering), exitGrace: TimeSpan.FromMilliseconds(100));
        await agent.StartAsync(generation: 1, 0);
        var exited = await agent.ExitedAsync();
        Assert.Equal(("SIGKILL", "the rank sent its last report, but did not end within 0.1 s"), (exited.Signal, exited.Error));
        Assert.Equal(RankOutcome.Completed, exited.Outcome);
    }

    [Fact]
    public async Task StoppingAllAsksFirstAndKillsThoseThatDoNotListen()
    {
        using (var obedient = new Supervised(FakeRank.Program(FakeRank.Obedient)))
        {
            await obedient.StartAsync(generation: 1, 0);
            await obedient.ReadyAsync();
            await obedient.Supervisor.StopAllAsync(Eventually.Limit);
            Assert.Equal(RankOutcome.Stopped, (await obedient.ExitedAsync()).Outcome);
        }

        using var deaf = new Supervised(FakeRank.Program(FakeRank.Deaf));
        await deaf.StartAsync(generation: 1, 0);
        await deaf.ReadyAsync();
        await deaf.Supervisor.StopAllAsync(TimeSpan.FromMilliseconds(100));
        Assert.Equal("SIGKILL", (await deaf.ExitedAsync()).Signal);
    }

    [Fact]
    public async Task NoRankOutlivesItsSupervisor()
    {
        int rank;
        using (var agent = new Supervised(FakeRank.Program(FakeRank.Deaf)))
        {
            await agent.StartAsync(generation: 1, 0);
            rank = (await agent.ReadyAsync()).ProcessId;
            Assert.True(ProcessTable.IsAlive(rank));
        }

        await Eventually.Holds("the rank is gone", () => !ProcessTable.IsAlive(rank), () => $"process {rank} runs");
    }

    private static FormGeneration Generation(long generation, long member, int rank)
        => new() { JobId = Supervised.JobId, Generation = generation, Members = { new RankMember { Member = member, Rank = rank } } };
}
