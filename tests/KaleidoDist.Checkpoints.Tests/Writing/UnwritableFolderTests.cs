using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Folders that really are full or read-only where this process may mount file systems; else the same errors raised by the storage.</summary>
public sealed class UnwritableFolderTests(ITestOutputHelper output)
{
    [Fact]
    public void AFullDiskEndsTheSaveKeepsTheEarlierCheckpointAndTheNextSaveWorksWhenThereIsRoom()
    {
        using var disk = SmallFileSystem.TryMount(kibibytes: 256);
        using var folder = new TemporaryFolder();
        output.WriteLine(disk is null ? "may not mount: ENOSPC raised by the storage" : "a tmpfs of 256 KiB");
        // The preflight is told that there is room, as when another program takes it in between.
        var storage = new FaultyStorage(PosixStorage.Instance) { FreeBytesOverride = long.MaxValue };
        var run = new Run(disk?.Path ?? folder.Path, storage);
        var first = run.Save(10);
        var filler = Path.Combine(run.Folder, "filler");
        if (disk is not null)
            Assert.ThrowsAny<IOException>(() => File.WriteAllBytes(filler, new byte[300 << 10]));
        else
            storage.FailAt(storage.Journal.Count + 9, Errno.ENOSPC);

        var error = Assert.Throws<CheckpointWriteException>(() => run.Write(20));

        Assert.Equal("KD-S101", error.Code);
        Assert.Contains($"No space in '{run.Folder}' for ", error.Message);
        Assert.Contains("(ENOSPC)", error.Message);
        Assert.True(run.Catalog.Verify(first.Seq).IsValid);
        Assert.Equal(["g0000000001-s00000010-a1"], Directory.GetDirectories(run.Paths.Data).Select(Path.GetFileName));

        File.Delete(filler);
        storage.Before = null;
        Assert.Equal(2, run.Save(20).Seq);
    }

    [Fact]
    public void AReadOnlyFolderEndsTheSaveKeepsTheEarlierCheckpointAndCanBeResumedFrom()
    {
        using var disk = SmallFileSystem.TryMount(kibibytes: 512);
        using var folder = new TemporaryFolder();
        output.WriteLine(disk is null ? "may not mount: EROFS raised by the storage" : "a tmpfs mounted read-only");
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(disk?.Path ?? folder.Path, storage);
        run.Save(10);
        var second = run.Save(20);
        File.WriteAllText(run.DataFile(second, second.Files[2].Name), "damaged, so that there is something to move to quarantine");
        disk?.MakeReadOnly();
        if (disk is null)
            storage.Before = (operation, path, _) => throw new PosixException(operation.ToString(), path, Errno.EROFS);

        var error = Assert.Throws<CheckpointWriteException>(() => run.Write(30));
        var selection = run.Resume();

        Assert.Equal("KD-S103", error.Code);
        Assert.StartsWith($"KD-S103 '{run.Folder}' cannot be written: ", error.Message);
        Assert.Contains("the file system is read-only (EROFS). Step 30 was not saved; earlier checkpoints are intact and training goes on. Make the folder writable.", error.Message);
        Assert.Equal(1, selection.Manifest!.Seq);
        Assert.False(Assert.Single(selection.Damages).Quarantined);

        disk?.MakeWritable();
        storage.Before = null;
        Assert.Equal((3, 1), (run.Save(30).Seq, run.Catalog.Read(3).ParentSeq));
        Assert.Equal([2L], run.Catalog.Read(3).Supersedes);
    }
}
