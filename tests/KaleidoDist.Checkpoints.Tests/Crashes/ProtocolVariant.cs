namespace KaleidoDist.Checkpoints.Tests;

/// <summary>The true protocol, when nothing is overridden; broken ones leave operations out or change their order.</summary>
internal class ProtocolVariant(IStorage inner) : ForwardingStorage(inner)
{
    /// <summary>Called after somebody has been told of a checkpoint.</summary>
    public virtual void AfterAcknowledge()
    {
    }

    protected static bool IsManifest(string path) => Path.GetFileName(Path.GetDirectoryName(path)) is "log" or "tmp";

    protected static bool IsLog(string folder) => Path.GetFileName(folder) == "log";
}

/// <summary>No fsync of files: of all of them, or of manifests only.</summary>
internal sealed class WithoutFileSync(IStorage inner, bool manifestsOnly) : ProtocolVariant(inner)
{
    public override IStorageFile Create(string path)
        => !manifestsOnly || IsManifest(path) ? new UnsyncedFile(Inner.Create(path)) : Inner.Create(path);

    private sealed class UnsyncedFile(IStorageFile inner) : ForwardingFile(inner)
    {
        public override void Sync()
        {
        }
    }
}

/// <summary>No fsync of directories.</summary>
internal sealed class WithoutDirectorySync(IStorage inner) : ProtocolVariant(inner)
{
    public override void EnsureDirectory(string path)
    {
        if (path != "/")
            EnsureDirectory(Path.GetDirectoryName(path)!);
        Inner.TryCreateDirectory(path);
    }

    public override void SyncDirectory(string path)
    {
    }
}

/// <summary>The log is synced only after somebody has been told.</summary>
internal sealed class AcknowledgesEarly(IStorage inner) : ProtocolVariant(inner)
{
    private string? unsynced;

    public override void SyncDirectory(string path)
    {
        if (IsLog(path))
            unsynced = path;
        else
            Inner.SyncDirectory(path);
    }

    public override void AfterAcknowledge()
    {
        if (unsynced is not null)
            Inner.SyncDirectory(unsynced);
        unsynced = null;
    }
}

/// <summary>Manifests are written under their own name instead of linked to it when complete.</summary>
internal sealed class ManifestInPlace(IStorage inner) : ProtocolVariant(inner)
{
    public override bool TryLink(string existing, string created)
    {
        if (!IsLog(Path.GetDirectoryName(created)!))
            return Inner.TryLink(existing, created);
        if (Inner.OpenRead(created) is not null)
            return false;
        using var draft = Inner.OpenRead(existing)!;
        var utf8 = new byte[draft.Length];
        draft.Read(0, utf8);
        using var file = Inner.Create(created);
        file.Write(utf8.AsSpan(0, utf8.Length / 2));
        file.Write(utf8.AsSpan(utf8.Length / 2));
        file.Sync();
        file.Close();
        return true;
    }
}

/// <summary>Retention removes a checkpoint's data before its manifest.</summary>
internal sealed class DataRemovedFirst(IStorage inner) : ProtocolVariant(inner)
{
    private string? manifest;

    public override void Delete(string path)
    {
        if (IsLog(Path.GetDirectoryName(path)!))
            manifest = path;
        else
            Inner.Delete(path);
    }

    public override void DeleteDirectory(string path)
    {
        Inner.DeleteDirectory(path);
        if (manifest is null)
            return;
        Inner.Delete(manifest);
        Inner.SyncDirectory(Path.GetDirectoryName(manifest)!);
        manifest = null;
    }
}

/// <summary>Data reach the disk only after their manifest, although everything is written and synced by the time somebody is told.</summary>
internal sealed class ManifestBeforeData(IStorage inner) : ProtocolVariant(inner)
{
    private readonly Dictionary<string, MemoryStream> late = [];

    public override IStorageFile Create(string path) => IsManifest(path) ? Inner.Create(path) : new LateFile(late[path] = new MemoryStream());

    public override IStorageReader? OpenRead(string path) => late.TryGetValue(path, out var content) ? new BytesReader(content.ToArray()) : Inner.OpenRead(path);

    public override void SyncDirectory(string path)
    {
        Inner.SyncDirectory(path);
        if (!IsLog(path) || late.Count == 0)
            return;
        foreach (var (name, content) in late)
        {
            using var file = Inner.Create(name);
            file.Write(content.ToArray());
            file.Sync();
            file.Close();
        }

        Inner.SyncDirectory(Path.GetDirectoryName(late.Keys.First())!);
        late.Clear();
    }

    private sealed class LateFile(MemoryStream content) : IStorageFile
    {
        public void Preallocate(long bytes)
        {
        }

        public void Write(ReadOnlySpan<byte> bytes) => content.Write(bytes);

        public void Sync()
        {
        }

        public void Close()
        {
        }

        public void Dispose()
        {
        }
    }
}
