using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Checks the invariants that a run folder can show, reading every byte of its checkpoints. Changes nothing.</summary>
/// <param name="runDirectory">The run folder.</param>
/// <param name="storage">Where it is; the POSIX file system unless given.</param>
public sealed class RunCheck(string runDirectory, IStorage? storage = null)
{
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage storage = storage ?? CheckpointStores.Of(runDirectory);

    /// <summary>Checks.</summary>
    /// <param name="history">The run's journal: <see cref="RunHistory.Read(string)"/>.</param>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public RunCheckReport Check(RunHistory history)
    {
        var log = new ManifestLog(paths, storage);
        var verifier = new CheckpointVerifier(paths, storage, log);
        var verifications = log.Numbers().Select(verifier.Verify).ToList();
        var manifests = verifications.Select(v => v.Manifest).OfType<CheckpointManifest>().ToList();
        var quarantined = log.QuarantinedNumbers();
        var unreadable = verifications.Where(v => v.Manifest is null).Select(v => v.Seq).ToList();
        var validCount = verifications.Count(v => v.IsValid);
        RunFinding[] findings =
        [
            .. verifications.SelectMany(Damage),
            .. HistoryRules.OfManifests(manifests, [.. quarantined, .. unreadable]),
            .. HistoryRules.OfJournal(history, manifests),
            .. TooFew(validCount, log),
            .. quarantined.Select(seq => RunFinding.Note($"Checkpoint {seq} was found damaged earlier; its manifest is in quarantine/.")),
            .. Leftovers(manifests, [.. quarantined.Select(log.ReadQuarantined).OfType<CheckpointManifest>()]),
        ];
        return new RunCheckReport(verifications.Count, validCount, history.Steps.Count, [.. findings.OrderBy(f => !f.IsProblem)]);
    }

    private static IEnumerable<RunFinding> Damage(CheckpointVerification verification)
        => verification.Problems.Select(p => new RunFinding(
            verification.Manifest is null ? "I2" : "I4",
            $"Checkpoint {verification.Seq} is damaged ({p.Code} {p.File}: {p.Text})."));

    /// <summary>The highest number tells how many there ever were.</summary>
    private static IEnumerable<RunFinding> TooFew(int validCount, ManifestLog log)
    {
        var last = log.Numbers().Concat(log.QuarantinedNumbers()).DefaultIfEmpty(0).Max();
        if (validCount < Math.Min(last, RetentionPlan.MinimumKept))
            yield return new RunFinding("I11", $"{validCount} valid checkpoints are left of {last} that were committed; expected at least {Math.Min(last, RetentionPlan.MinimumKept)}.");
    }

    private IEnumerable<RunFinding> Leftovers(IReadOnlyList<CheckpointManifest> manifests, IReadOnlyList<CheckpointManifest> quarantined)
    {
        var named = manifests.Concat(quarantined).Select(m => Path.GetFileName(paths.DataFolder(m))).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in storage.List(paths.Data).Where(e => !named.Contains(e.Name)))
        {
            yield return RunFinding.Note(CheckpointPaths.ParseDataFolderName(entry.Name) is null
                ? $"data/{entry.Name} is not of this run; it is left alone."
                : $"data/{entry.Name} belongs to no checkpoint: a save in progress, or what a crash left. Retention removes it in a later generation.");
        }

        foreach (var entry in storage.List(paths.Log).Where(e => CheckpointPaths.ParseManifestName(e.Name) is null))
            yield return RunFinding.Note($"log/{entry.Name} is not of this run; it is left alone.");
        var drafts = storage.List(paths.Temporary).Count;
        if (drafts > 0)
            yield return RunFinding.Note($"tmp/ holds {drafts} drafts: a commit in progress, or what a crash left.");
        var present = manifests.Select(m => m.Seq).ToHashSet();
        foreach (var pin in new CheckpointMarks(paths.Pins, storage).Numbers().Where(p => !present.Contains(p)))
            yield return RunFinding.Note($"Checkpoint {pin} is pinned, but is not there.");
    }
}
