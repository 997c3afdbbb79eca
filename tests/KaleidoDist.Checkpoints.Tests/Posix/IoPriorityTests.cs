namespace KaleidoDist.Checkpoints.Tests;

public sealed class IoPriorityTests
{
    [Fact]
    public void AThreadThatIsLoweredComesLastAndItsProcessDoesNot()
    {
        var before = IoPriority.OfThisThread;
        var (isLowered, inside) = (false, 0);
        var thread = new Thread(() => (isLowered, inside) = (IoPriority.TryLowerThisThread(), IoPriority.OfThisThread));
        thread.Start();
        thread.Join();

        Assert.Equal((true, (2 << 13) | 7), (isLowered, inside));
        Assert.Equal(before, IoPriority.OfThisThread);
        Assert.NotEqual(IoPriority.LowestBestEffort, before);
    }
}
