using KaleidoDist.Collectives;

namespace KaleidoDist.Training.Tests;

public sealed class DepartureTests : IDisposable
{
    private readonly MicroTraining training = new();
    private readonly RecordingPort port = new();
    private readonly InstantTime time = new();
    private readonly ICollective group;
    private readonly Departure departure;

    public DepartureTests()
    {
        group = training.Alone();
        departure = new Departure(port, group, time);
    }

    [Fact]
    public void WhoIsNotAskedToLeaveWaitsForEver()
    {
        departure.LeaveIfOverdue("waiting for data");
        time.Advance(TimeSpan.FromHours(1));
        departure.LeaveIfOverdue("waiting for data");
        group.Barrier();
    }

    [Fact]
    public void WhoShallStopGivesTheGroupUpAfterTwoSecondsWithoutABorder()
    {
        port.StopRequested = true;
        departure.LeaveIfOverdue("waiting for data");
        time.Advance(TimeSpan.FromSeconds(1.9));
        departure.LeaveIfOverdue("waiting for data");
        time.Advance(TimeSpan.FromSeconds(0.2));
        var error = Assert.Throws<CollectiveAbortedException>(() => departure.LeaveIfOverdue("waiting for data"));
        Assert.Contains("rank 0 shall leave and was waiting for data", error.Message, StringComparison.Ordinal);
        Assert.Throws<CollectiveAbortedException>(group.Barrier);
    }

    [Fact]
    public void ABorderThatCameStartsTheWaitAnew()
    {
        port.PartRequested = true;
        departure.LeaveIfOverdue("evaluating");
        port.PartRequested = false;
        time.Advance(TimeSpan.FromSeconds(5));
        departure.LeaveIfOverdue("evaluating");
        port.PartRequested = true;
        departure.LeaveIfOverdue("evaluating");
    }

    [Fact]
    public void AReadThatDoesNotReturnIsGivenUpByWhoShallStop()
    {
        port.StopRequested = true;
        var looks = 0;
        var error = Assert.Throws<CollectiveAbortedException>(() => departure.Await<int>(
            token =>
            {
                looks++;
                time.Advance(TimeSpan.FromSeconds(1.5));
                Assert.True(token.WaitHandle.WaitOne(TimeSpan.FromSeconds(20)));
                throw new OperationCanceledException(token);
            },
            "waiting for validation data"));
        Assert.Contains("was waiting for validation data", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, looks);
        Assert.Equal(7, departure.Await(_ => 7, "waiting for data"));
    }

    public void Dispose()
    {
        group.Dispose();
        training.Dispose();
    }
}
