using System.Globalization;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// A folder of a run with an empty file for each checkpoint that somebody counts on: <c>pins/</c>, where anybody may write, or <c>bases/</c>, where only who
/// leads the run does. Whoever removes a checkpoint looks here again once its manifest is gone, and brings it back if it was marked meanwhile; so one that is
/// there after it was marked stays.
/// </summary>
/// <param name="folder">The folder; absent until the first mark.</param>
/// <param name="storage">Where it is.</param>
internal sealed class CheckpointMarks(string folder, IStorage storage)
{
    /// <summary>Marked numbers, ascending.</summary>
    internal IReadOnlyList<long> Numbers()
        => [.. storage.List(folder).Where(e => !e.IsDirectory).Select(e => CheckpointPaths.ParseMarkName(e.Name)).OfType<long>().Order()];

    /// <summary>Whether a number is marked now.</summary>
    internal bool Contains(long seq)
    {
        using var mark = storage.OpenRead(PathOf(seq));
        return mark is not null;
    }

    /// <summary>Marks a number, durably; false when it was.</summary>
    internal bool Add(long seq)
    {
        storage.EnsureDirectory(folder);
        if (Contains(seq))
            return false;
        using (var file = storage.Create(PathOf(seq)))
        {
            file.Sync();
            file.Close();
        }

        storage.SyncDirectory(folder);
        return true;
    }

    /// <summary>Takes a number's mark away, durably; false when it had none.</summary>
    internal bool Remove(long seq)
    {
        if (!Contains(seq))
            return false;
        storage.Delete(PathOf(seq));
        storage.SyncDirectory(folder);
        return true;
    }

    /// <summary>Marks these numbers and no others. The new ones first: in between there are too many, never too few.</summary>
    internal void Set(IReadOnlyCollection<long> numbers)
    {
        var before = Numbers();
        foreach (var seq in numbers.Except(before))
            Add(seq);
        foreach (var seq in before.Except(numbers))
            Remove(seq);
    }

    private string PathOf(long seq) => Path.Combine(folder, seq.ToString("D12", CultureInfo.InvariantCulture));
}
