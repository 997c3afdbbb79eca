namespace KaleidoDist.Coordinator.Tests;

public sealed class WorkerLeaseTests
{
    private static readonly DateTimeOffset Noon = JobSamples.Noon;
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(5), Grace = TimeSpan.FromSeconds(3);
    private readonly WorkerLease lease = new WorkerLease().Admit("one", 1, Noon)!;

    [Fact]
    public void SilenceLongerThanTheLeaseLosesTheWorker()
    {
        Assert.Null(lease.Look(LeaseTime, Grace, Noon.AddSeconds(5)).Why);
        Assert.Equal("was silent for 5 s", lease.Look(LeaseTime, Grace, Noon.AddSeconds(5.1)).Why);
        Assert.Null(lease.Beat(1, Noon.AddSeconds(4)).Look(LeaseTime, Grace, Noon.AddSeconds(9)).Why);
    }

    [Fact]
    public void AnOlderStreamsHeartbeatCountsForNothing()
        => Assert.NotNull(lease.Admit("one", 2, Noon)!.Beat(1, Noon.AddSeconds(4)).Look(LeaseTime, Grace, Noon.AddSeconds(5.1)).Why);

    [Fact]
    public void ABrokenStreamIsForgivenWithinTheGrace()
    {
        var suspect = lease.StreamEnded(1, null, Noon.AddSeconds(1)).Lease;
        Assert.Equal(WorkerStanding.Suspect, suspect.Standing);
        Assert.Null(suspect.Look(LeaseTime, Grace, Noon.AddSeconds(4)).Why);
        Assert.Equal("did not reconnect within 3 s", suspect.Look(LeaseTime, Grace, Noon.AddSeconds(4.1)).Why);
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
}
