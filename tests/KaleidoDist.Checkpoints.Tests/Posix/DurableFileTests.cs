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

    /// <summary>Lengths around pages and chunks, from memory that is aligned, one byte off, or in pieces; past the page cache where the disk can, and not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ALargeFileHoldsItsBytesWhereverTheyComeFrom(bool reserved)
    {
        const int Chunk = DurableFile.ChunkBytes, Page = AlignedMemory.PageBytes;
        using var memory = new AlignedMemory((3 * Chunk) + (2 * Page));
        var random = new Random(1);
        random.NextBytes(NativeBytes.Write(memory.Address, 0, (int)memory.Bytes));
        foreach (var (first, offset, count) in new[] { (Page, 0, (2 * Chunk) + 17), (Page, 1, (2 * Chunk) + 17), (100, 0, Chunk + 1), (0, 0, Chunk), (Chunk - 1, 3, Chunk + 2), (Page, 0, Page - 1) })
        {
            using var folder = new TemporaryFolder(onDisk: true);
            var head = new byte[first];
            random.NextBytes(head);
            using (var file = DurableFile.CreateNew(folder["a"]))
            {
                if (reserved)
                    file.Preallocate(Math.Max(Chunk, first + count));
                file.Write(head);
                file.Write(NativeBytes.Read(memory.Address, offset, count));
                file.Sync();
                Assert.False(file.IsDirect && (first + count) % Page != 0, "the tail is no whole page");
                file.Close();
            }

            byte[] expected = [.. head, .. NativeBytes.Read(memory.Address, offset, count)];
            Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(folder["a"]).AsSpan(0, expected.Length)), $"{first} + {count} from {offset}");
        }
    }

    [Fact]
    public void AlignedMemoryIsGivenBackByItsFiles()
    {
        var before = AlignedMemory.LiveBytes;
        using var folder = new TemporaryFolder(onDisk: true);
        using (var file = DurableFile.CreateNew(folder["a"]))
        {
            file.Preallocate(DurableFile.ChunkBytes);
            file.Write(new byte[100]);
        }

        Assert.Equal(before, AlignedMemory.LiveBytes);
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
