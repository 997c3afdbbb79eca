using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>The folder <c>pins/</c>: an empty file for each checkpoint that is kept until it is unpinned. Anybody may write there beside a running job.</summary>
internal sealed class CheckpointPins(CheckpointPaths paths, IStorage storage)
{
    /// <summary>Pinned numbers, ascending.</summary>
    internal IReadOnlyList<long> Numbers()
        => [.. storage.List(paths.Pins).Where(e => !e.IsDirectory).Select(e => CheckpointPaths.ParsePinName(e.Name)).OfType<long>().Order()];

    /// <summary>Whether a number is pinned now.</summary>
    internal bool Contains(long seq)
    {
        using var pin = storage.OpenRead(paths.Pin(seq));
        return pin is not null;
    }

    /// <summary>Pins a number, durably; false when it was.</summary>
    internal bool Add(long seq)
    {
        storage.EnsureDirectory(paths.Pins);
        if (Contains(seq))
            return false;
        using (var file = storage.Create(paths.Pin(seq)))
        {
            file.Sync();
            file.Close();
        }

        storage.SyncDirectory(paths.Pins);
        return true;
    }

    /// <summary>Unpins a number, durably; false when it was not pinned.</summary>
    internal bool Remove(long seq)
    {
        if (!Contains(seq))
            return false;
        storage.Delete(paths.Pin(seq));
        storage.SyncDirectory(paths.Pins);
        return true;
    }
}
