using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>The folders <c>log/</c> and <c>quarantine/</c>: which numbers exist, and one manifest's bytes.</summary>
internal sealed class ManifestLog(CheckpointPaths paths, IStorage storage)
{
    /// <summary>Numbers in the log, ascending.</summary>
    internal IReadOnlyList<long> Numbers() => NumbersIn(paths.Log);

    /// <summary>Numbers in quarantine, ascending.</summary>
    internal IReadOnlyList<long> QuarantinedNumbers() => NumbersIn(paths.Quarantine);

    /// <summary>Reads a manifest of the log; null when there is none of this number.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    internal CheckpointManifest? Read(long seq) => ReadFrom(paths.Log, seq);

    /// <summary>Reads a manifest of the log for what it says of others; null when it cannot be read, whatever the reason.</summary>
    internal CheckpointManifest? TryRead(long seq) => TryReadFrom(paths.Log, seq);

    /// <summary>Reads a manifest in quarantine; null when there is none of this number or it is damaged itself.</summary>
    internal CheckpointManifest? ReadQuarantined(long seq) => TryReadFrom(paths.Quarantine, seq);

    /// <summary>
    /// Moves a manifest out of the log. A link and an unlink, so that a crash in between leaves it in both places and never in neither.
    /// </summary>
    internal void MoveToQuarantine(long seq)
    {
        var manifest = paths.Manifest(seq);
        storage.EnsureDirectory(paths.Quarantine);
        storage.TryLink(manifest, Path.Combine(paths.Quarantine, CheckpointPaths.ManifestName(seq)));
        storage.SyncDirectory(paths.Quarantine);
        storage.Delete(manifest);
        storage.SyncDirectory(paths.Log);
    }

    /// <summary>Puts a manifest back under its number, unless somebody did, as a commit does: whole and durable, or not at all.</summary>
    internal void Restore(long seq, ReadOnlySpan<byte> utf8)
    {
        var draft = Path.Combine(paths.Temporary, Guid.NewGuid().ToString("N"));
        using (var file = storage.Create(draft))
        {
            file.Write(utf8);
            file.Sync();
            file.Close();
        }

        storage.TryLink(draft, paths.Manifest(seq));
        storage.SyncDirectory(paths.Log);
        storage.Delete(draft);
    }

    private IReadOnlyList<long> NumbersIn(string folder)
        => [.. storage.List(folder).Where(e => !e.IsDirectory).Select(e => CheckpointPaths.ParseManifestName(e.Name)).OfType<long>().Order()];

    /// <summary>A manifest of a newer program is one that cannot be read, as a damaged one is.</summary>
    private CheckpointManifest? TryReadFrom(string folder, long seq)
    {
        try
        {
            return ReadFrom(folder, seq);
        }
        catch (Exception error) when (error is InvalidDataException or IOException or KaleidoException)
        {
            return null;
        }
    }

    private CheckpointManifest? ReadFrom(string folder, long seq)
    {
        using var file = storage.OpenRead(Path.Combine(folder, CheckpointPaths.ManifestName(seq)));
        if (file is null)
            return null;
        if (file.Length > CheckpointManifestJson.MaxBytes)
            throw new InvalidDataException($"it has {file.Length} bytes; at most {CheckpointManifestJson.MaxBytes} are read");
        var utf8 = StoredFile.ReadAll(file);
        var manifest = CheckpointManifestJson.Decode(utf8);
        return manifest.Seq == seq
            ? manifest
            : throw new InvalidDataException($"it is the manifest of checkpoint {manifest.Seq} under another number");
    }
}
