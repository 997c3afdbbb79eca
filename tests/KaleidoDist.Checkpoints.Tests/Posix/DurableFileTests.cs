namespace KaleidoDist.Checkpoints.Tests;

public sealed class DurableFileTests
{
    [Fact]
    public void AWrittenFileHoldsItsBytesInOrder()
    {
        using var folder = new TemporaryFolder(onDisk: true);
        using (var file = DurableFile.CreateNew(folder["a"]))
        {
            file.Preallocate(5);
            file.Write([1, 2, 3]);
            file.Write([4, 5]);
            file.Sync();
            file.Close();
        }

        Assert.Equal([1, 2, 3, 4, 5], File.ReadAllBytes(folder["a"]));
    }

    [Fact]
    public void CreatingAnExistingFileFailsAndNamesCallPathAndErrno()
    {
        using var folder = new TemporaryFolder(onDisk: true);
        File.WriteAllText(folder["a"], "mine");

        var error = Assert.Throws<PosixException>(() => DurableFile.CreateNew(folder["a"]));

        Assert.Equal(Errno.EEXIST, error.Errno);
        Assert.Equal($"open of '{folder["a"]}' failed: exists already (EEXIST).", error.Message);
        Assert.Equal("mine", File.ReadAllText(folder["a"]));
    }

    [Fact]
    public void AFullDeviceIsReportedByWrite()
    {
        using var file = DurableFile.OpenExisting("/dev/full");
        var error = Assert.Throws<PosixException>(() => file.Write(new byte[4096]));
        Assert.Equal(("write", Errno.ENOSPC), (error.Call, error.Errno));
    }

    [Fact]
    public void AnFsyncThatTheKernelRefusesIsReported()
    {
        // The kernel has no fsync for /proc and /dev/null. The runtime's own flush returns normally here.
        Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => DurableDirectory.Sync("/proc/self")).Errno);
        using var file = DurableFile.OpenExisting("/dev/null");
        Assert.Equal("fsync", Assert.Throws<PosixException>(file.Sync).Call);
    }

    [Fact]
    public void AClosedFileCannotBeWritten()
    {
        using var folder = new TemporaryFolder(onDisk: true);
        using var file = DurableFile.CreateNew(folder["a"]);
        file.Close();
        Assert.Throws<ObjectDisposedException>(() => file.Write([1]));
    }

    [Fact]
    public void LinkingToATakenNameAnswersFalseAndLeavesItAlone()
    {
        using var folder = new TemporaryFolder(onDisk: true);
        File.WriteAllText(folder["draft"], "new");
        File.WriteAllText(folder["taken"], "old");

        Assert.False(PosixStorage.Instance.TryLink(folder["draft"], folder["taken"]));
        Assert.True(PosixStorage.Instance.TryLink(folder["draft"], folder["free"]));
        Assert.Equal(("old", "new"), (File.ReadAllText(folder["taken"]), File.ReadAllText(folder["free"])));
        Assert.Equal(Errno.ENOENT, Assert.Throws<PosixException>(() => PosixStorage.Instance.TryLink(folder["nothing"], folder["x"])).Errno);
    }

    [Fact]
    public void MissingParentsAreCreatedAndExistingOnesKept()
    {
        using var folder = new TemporaryFolder(onDisk: true);
        DurableDirectory.CreateAll(folder["a", "b", "c"]);
        DurableDirectory.CreateAll(folder["a", "b", "c"]);
        Assert.True(Directory.Exists(folder["a", "b", "c"]));
        Assert.False(PosixStorage.Instance.TryCreateDirectory(folder["a"]));
    }

    [Fact]
    public void FreeBytesAreThoseOfTheFileSystem()
    {
        var drive = new DriveInfo("/proc");
        Assert.Equal(drive.AvailableFreeSpace, PosixStorage.Instance.FreeBytes("/proc"));
        Assert.InRange(PosixStorage.Instance.FreeBytes(Path.GetTempPath()), 1, new DriveInfo(Path.GetTempPath()).TotalSize);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1_384_000_000, "1.4 GB")]
    public void SizesReadAsPeopleWriteThem(long bytes, string expected) => Assert.Equal(expected, ByteText.Of(bytes));
}
