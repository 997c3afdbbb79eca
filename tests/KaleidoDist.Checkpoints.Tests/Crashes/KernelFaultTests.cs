namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A kernel that answers with errors, at every place where a save and its commit ask it.</summary>
public sealed class KernelFaultTests
{
    [Theory]
    [InlineData(SystemCall.Fsync, Errno.EIO, "KD-S104")]
    [InlineData(SystemCall.Fsync, Errno.ENOSPC, "KD-S101")]
    [InlineData(SystemCall.Write, Errno.EIO, "KD-S104")]
    [InlineData(SystemCall.Write, Errno.ENOSPC, "KD-S101")]
    [InlineData(SystemCall.Write, Errno.EROFS, "KD-S103")]
    [InlineData(SystemCall.Link, Errno.EIO, "KD-S104")]
    internal void AnErrorOfTheKernelEndsTheAttemptAndTheNextOneSucceeds(SystemCall call, int errno, string code)
    {
        var places = Places(call);
        Assert.InRange(places.Count, 1, 30);
        foreach (var place in places)
        {
            using var folder = new TemporaryFolder();
            new Run(folder.Path).Save(10);
            var storage = new FaultyStorage(PosixStorage.Instance);
            var run = new Run(folder.Path, storage);
            run.Resume();
            storage.Before = (_, _, number) =>
            {
                if (number == place)
                    KernelFault.Start(call, errno);
            };

            var thrown = Assert.IsType<CheckpointWriteException>(KernelFault.OnOwnThread(() => run.Save(20)));

            Assert.Equal((code, errno), (thrown.Code, Assert.IsType<PosixException>(thrown.InnerException).Errno));
            Assert.Equal(place, storage.Journal.FindLastIndex(j => IsMadeBy(call, j.Operation)) + 1);
            var next = run.Resume();
            Assert.Empty(next.Damages);
            Assert.Equal(next.Manifest!.Seq + 1, run.Save(20).Seq);
        }
    }

    /// <summary>Numbers of the operations that make this call.</summary>
    private static List<int> Places(SystemCall call)
    {
        using var folder = new TemporaryFolder();
        new Run(folder.Path).Save(10);
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        run.Resume();
        run.Save(20);
        return [.. storage.Journal.Index().Where(j => IsMadeBy(call, j.Item.Operation)).Select(j => j.Index + 1)];
    }

    private static bool IsMadeBy(SystemCall call, Operation operation) => call switch
    {
        SystemCall.Fsync => operation is Operation.Sync or Operation.SyncDirectory,
        SystemCall.Write => operation == Operation.Write,
        _ => operation == Operation.Link,
    };
}
