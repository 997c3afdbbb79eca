using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Compares a checkpoint with what was committed: its manifest's own hash, its link to the parent, and each file's size and hash.</summary>
internal sealed class CheckpointVerifier(CheckpointPaths paths, IStorage storage, ManifestLog log)
{
    /// <summary>Verifies everything about one checkpoint; reads all of its bytes.</summary>
    /// <exception cref="KaleidoException">It needs a newer program.</exception>
    internal CheckpointVerification Verify(long seq)
    {
        var name = CheckpointPaths.ManifestName(seq);
        CheckpointManifest? manifest;
        try
        {
            manifest = log.Read(seq);
        }
        catch (InvalidDataException error)
        {
            return new CheckpointVerification(seq, null, [new CheckpointProblem(CheckpointProblem.Damaged, name, error.Message)]);
        }
        catch (IOException error)
        {
            return new CheckpointVerification(seq, null, [Unreadable(name, error)]);
        }

        if (manifest is null)
            return new CheckpointVerification(seq, null, [new CheckpointProblem(CheckpointProblem.Missing, name, "it is missing")]);
        var files = manifest.Files.Select(f => FileProblem(manifest, f)).OfType<CheckpointProblem>();
        return new CheckpointVerification(seq, manifest, [.. ParentProblems(manifest, name), .. files]);
    }

    /// <summary>A parent that is still in the log must be the one this manifest was committed after. (Retention may have removed it; a damaged one says nothing about its child.)</summary>
    private IEnumerable<CheckpointProblem> ParentProblems(CheckpointManifest manifest, string name)
    {
        if (manifest.ParentSeq == 0 || log.TryRead(manifest.ParentSeq) is not { } parent || parent.Self == manifest.ParentHash)
            return [];
        return [new CheckpointProblem(CheckpointProblem.Damaged, name, $"it continues checkpoint {parent.Seq} as {manifest.ParentHash}, but that is {parent.Self}")];
    }

    private CheckpointProblem? FileProblem(CheckpointManifest manifest, CheckpointFile expected)
    {
        try
        {
            using var file = storage.OpenRead(Path.Combine(paths.DataFolder(manifest.Generation, manifest.Step, manifest.Attempt), expected.Name));
            if (file is null)
                return new CheckpointProblem(CheckpointProblem.Missing, expected.Name, "it is missing");
            if (file.Length != expected.Bytes)
                return new CheckpointProblem(CheckpointProblem.Missing, expected.Name, $"it has {file.Length} bytes, expected {expected.Bytes}");
            var (xxh128, sha256) = StoredFile.Hash(file, withSha256: expected.Sha256 is not null);
            if (xxh128 != expected.Xxh128)
                return new CheckpointProblem(CheckpointProblem.Damaged, expected.Name, $"its xxh128 is {xxh128}, expected {expected.Xxh128}{DamagedPlaces.Clause(file, expected)}");
            // Only where somebody chose the bytes can the one agree and the other not.
            return sha256 == expected.Sha256
                ? null
                : new CheckpointProblem(CheckpointProblem.Damaged, expected.Name, $"its sha256 is {sha256}, expected {expected.Sha256}");
        }
        catch (IOException error)
        {
            return Unreadable(expected.Name, error);
        }
    }

    private static CheckpointProblem Unreadable(string name, IOException error)
        => new(CheckpointProblem.Damaged, name, $"it cannot be read: {error.Message}", IsProven: false);
}
