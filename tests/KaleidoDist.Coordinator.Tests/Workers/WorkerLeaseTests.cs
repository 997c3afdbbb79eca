namespace KaleidoDist.Coordinator.Tests;

public sealed class WorkerLeaseTests
{
    private static readonly DateTimeOffset Noon = JobSamples.Noon;
    private static readonly LeaseTimes Times = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(3));
    private readonly WorkerLease lease = new WorkerLease().Admit("one", 1, Noon)!;

    [Fact]
    public void SilenceLongerThanTheLeaseLosesTheWorker()
    {
        Assert.NotEqual(WorkerStanding.Lost, lease.Look(Times, Noon.AddSeconds(5)).Lease.Standing);
        Assert.Equal("was silent for 5 s", lease.Look(Times, Noon.AddSeconds(5.1)).Why);
        Assert.Null(lease.Beat(1, Noon.AddSeconds(8)).Look(Times, Noon.AddSeconds(9)).Why);
    }

    [Fact]
    public void AnOlderStreamsHeartbeatCountsForNothing()
        => Assert.NotNull(lease.Admit("one", 2, Noon)!.Beat(1, Noon.AddSeconds(4)).Look(Times, Noon.AddSeconds(5.1)).Why);

    [Fact]
    public void ABrokenStreamIsForgivenWithinTheGrace()
    {
        var suspect = lease.StreamEnded(1, null, Noon.AddSeconds(1)).Lease;
        Assert.Equal(WorkerStanding.Suspect, suspect.Standing);
        Assert.Null(suspect.Look(Times, Noon.AddSeconds(4)).Why);
        Assert.Equal("did not reconnect within 3 s", suspect.Look(Times, Noon.AddSeconds(4.1)).Why);
        Assert.Equal(WorkerStanding.Connected, suspect.Admit("one", 2, Noon.AddSeconds(3))!.Standing);
    }

    [Fact]
    public void TheEndOfAnOlderStreamIsNoNews()
        => Assert.Equal(WorkerStanding.Connected, lease.Admit("one", 2, Noon)!.StreamEnded(1, null, Noon).Lease.Standing);

    [Fact]
    public void AGoodbyeLosesTheWorkerAtOnce()
        => Assert.Equal("left (shutting down)", lease.StreamEnded(1, "shutting down", Noon).Why);

    [Fact]
    public void ASupersededProcessMayNotComeBack()
    {
        var newer = lease.Admit("two", 2, Noon)!;
        Assert.Null(newer.Admit("one", 3, Noon));
        Assert.NotNull(newer.Admit("two", 4, Noon));
    }

    [Fact]
    public void FourMissingBeatsMakeAWorkerSuspectUntilTheNextOne()
    {
        Assert.Null(lease.Look(Times, Noon.AddSeconds(1)).Why);
        var silent = lease.Look(Times, Noon.AddSeconds(1.1));
        Assert.Equal((WorkerStanding.Silent, "is silent for 1 s"), (silent.Lease.Standing, silent.Why));
        Assert.Null(silent.Lease.Look(Times, Noon.AddSeconds(1.2)).Why);
        Assert.Equal(WorkerStanding.Connected, silent.Lease.Beat(1, Noon.AddSeconds(2)).Standing);
        Assert.Equal("was silent for 5 s", silent.Lease.Look(Times, Noon.AddSeconds(5.1)).Why);
    }

    [Fact]
    public void ADrainEndsWithTheProcessThatWasDrained()
    {
        var drained = lease with { Draining = "maintenance" };
        Assert.Equal("maintenance", drained.Admit("one", 2, Noon)!.Draining);
        Assert.Null(drained.Admit("two", 3, Noon)!.Draining);
    }
}
