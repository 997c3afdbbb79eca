using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>What an exploration saw.</summary>
/// <param name="PointCount">Moments at which the power went.</param>
/// <param name="StateCount">Different states of the disk that were recovered from.</param>
/// <param name="LargestVolatileCount">Most pieces that were volatile at one moment.</param>
/// <param name="LostCount">States in which a checkpoint that somebody had been told of could not be recovered.</param>
/// <param name="WrongCount">States in which other bytes were recovered than were saved.</param>
/// <param name="BrokenCount">States with a manifest in the log that does not verify: what a reader without checks would load.</param>
/// <param name="TooFewCount">States with fewer than two valid checkpoints after two had been acknowledged.</param>
internal sealed record CrashFindings(int PointCount, int StateCount, int LargestVolatileCount, int LostCount, int WrongCount, int BrokenCount, int TooFewCount)
{
    public bool IsSound => LostCount + WrongCount + BrokenCount + TooFewCount == 0;

    public override string ToString()
        => $"{PointCount} crash points, {StateCount} states (up to {LargestVolatileCount} volatile): {LostCount} lost, {WrongCount} wrong, {BrokenCount} with a broken manifest, {TooFewCount} with too few";
}

/// <summary>
/// Runs a protocol once over a recorded file system, then recovers with the real catalog from every state that a power cut at any moment
/// could have left.
/// </summary>
internal sealed class CrashExplorer
{
    /// <summary>Volatile pieces of one moment whose combinations are all tried; older ones beyond count as written.</summary>
    public const int MaxVolatile = 12;

    private const string Folder = "/runs/job";
    private const int KeepLast = 2;
    private readonly CrashJournal journal = new();
    private readonly Dictionary<long, (CheckpointManifest Manifest, Dictionary<string, byte[]> Files)> saved = [];
    private readonly HashSet<(string Image, long Acknowledged)> seen = [];
    private CrashFindings findings = new(0, 0, 0, 0, 0, 0, 0);

    /// <summary>Explores three saves, each with retention.</summary>
    /// <param name="protocol">What the saves go through; the recorded file system itself for the true protocol.</param>
    /// <param name="maxStates">States after which to stop.</param>
    /// <param name="saveAgain">Whether each recovery is to save a further checkpoint.</param>
    public static CrashFindings Explore(Func<IStorage, ProtocolVariant> protocol, int maxStates, bool saveAgain)
    {
        var explorer = new CrashExplorer();
        explorer.Record(protocol);
        explorer.Explore(maxStates, saveAgain);
        return explorer.findings;
    }

    private void Record(Func<IStorage, ProtocolVariant> protocol)
    {
        var storage = protocol(new MemoryStorage(journal));
        var run = new Run(Folder, storage);
        for (var step = 10; step <= 30; step += 10)
        {
            var manifest = run.Save(step);
            journal.Acknowledge(manifest.Seq);
            storage.AfterAcknowledge();
            saved.Add(manifest.Seq, (manifest, manifest.Files.ToDictionary(f => f.Name, f => Content(storage, run.DataFile(manifest, f.Name)))));
            run.Catalog.ApplyRetention(new RetentionPolicy(KeepLast), run.Lineage);
        }
    }

    private void Explore(int maxStates, bool saveAgain)
    {
        foreach (var point in journal.Points)
        {
            findings = findings with { PointCount = findings.PointCount + 1, LargestVolatileCount = Math.Max(findings.LargestVolatileCount, point.Choices.Count) };
            foreach (var survivors in Survivors(point))
            {
                var image = journal.Image(point, survivors);
                if (!seen.Add((image.Key(), point.AcknowledgedSeq)))
                    continue;
                Recover(image.Storage, point.AcknowledgedSeq, saveAgain);
                if (findings.StateCount == maxStates)
                    return;
            }
        }
    }

    /// <summary>Every combination of outcomes, as the changes that are on disk.</summary>
    private static IEnumerable<IReadOnlySet<int>> Survivors(CrashPoint point)
    {
        var decided = point.Choices.SkipLast(MaxVolatile).SelectMany(c => c.Options[^1]).ToList();
        var open = point.Choices.TakeLast(MaxVolatile).ToList();
        var options = new int[open.Count];
        while (true)
        {
            yield return decided.Concat(open.Index().SelectMany(c => c.Item.Options[options[c.Index]])).ToHashSet();
            var digit = 0;
            while (digit < options.Length && ++options[digit] == open[digit].Options.Count)
                options[digit++] = 0;
            if (digit == options.Length)
                yield break;
        }
    }

    private void Recover(MemoryStorage storage, long acknowledged, bool saveAgain)
    {
        var run = new Run(Folder, storage);
        var valid = run.Catalog.List().Select(l => run.Catalog.Verify(l.Seq).IsValid).ToList();
        var recovered = TryResume(run);
        findings = findings with
        {
            StateCount = findings.StateCount + 1,
            LostCount = findings.LostCount + ((recovered?.Seq ?? 0) < acknowledged ? 1 : 0),
            WrongCount = findings.WrongCount + (recovered is not null && !IsAsSaved(run, storage, recovered) ? 1 : 0),
            BrokenCount = findings.BrokenCount + (valid.Contains(false) ? 1 : 0),
            TooFewCount = findings.TooFewCount + (valid.Count(v => v) < Math.Min(acknowledged, KeepLast) ? 1 : 0),
        };
        if (saveAgain)
            Assert.Equal((recovered?.Seq ?? 0) + 1, run.Save(40).Seq);
    }

    private static CheckpointManifest? TryResume(Run run)
    {
        try
        {
            return run.Resume().Manifest;
        }
        catch (KaleidoException)
        {
            return null; // Checkpoints are there, none of them is valid.
        }
    }

    /// <summary>Compares with the bytes that were saved, without any hash.</summary>
    private bool IsAsSaved(Run run, IStorage storage, CheckpointManifest recovered)
    {
        var (manifest, files) = saved[recovered.Seq];
        return recovered.Self == manifest.Self && files.All(f => Content(storage, run.DataFile(manifest, f.Key)).AsSpan().SequenceEqual(f.Value));
    }

    private static byte[] Content(IStorage storage, string path)
    {
        using var file = storage.OpenRead(path)!;
        var bytes = new byte[file.Length];
        Assert.Equal(bytes.Length, file.Read(0, bytes));
        return bytes;
    }
}
