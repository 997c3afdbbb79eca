using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Whether a store keeps the promises that the commit protocol stands on: a name is given once, what was written is read and listed at once, what was removed is gone
/// (RELIABILITY R11). About ten requests, at the start of a job; there are gateways that ignore the condition of a write and answer that all is well.
/// </summary>
/// <param name="root">The run folder, or the place in an object store.</param>
/// <param name="storage">Where it is; as its name says unless given.</param>
public sealed class StoreProbe(string root, IStorage? storage = null)
{
    /// <summary>The store does not keep a promise.</summary>
    public const string Unfit = "KD-S121";

    private readonly CheckpointPaths paths = new(root);
    private readonly IStorage storage = storage ?? CheckpointStores.Of(root);

    /// <summary>Tries everything with files of the probe's own, in <c>tmp/</c>, and removes them.</summary>
    /// <param name="isSingleWriter">Whether nothing else ever commits there, so that a name may be given twice.</param>
    /// <exception cref="KaleidoException">The store is not fit for checkpoints; usage error.</exception>
    /// <exception cref="IOException">The store could not be asked.</exception>
    public void Run(bool isSingleWriter)
    {
        // Names of drafts: what a crash leaves here, retention collects.
        string[] names = [.. Enumerable.Range(0, 3).Select(_ => Guid.NewGuid().ToString("N"))];
        string[] files = [.. names.Select(name => Path.Combine(paths.Temporary, name))];
        storage.EnsureDirectory(paths.Temporary);
        try
        {
            if (TriedNames(files[0], files[1], files[2]) is { } givenTwice && !isSingleWriter)
            {
                throw Refused(
                    $"ignores conditional writes: {givenTwice}. Two coordinators could overwrite each other's checkpoints there. "
                    + "Use a store that honours them (If-None-Match, hard links), or set checkpoint.single_writer: true if nothing else ever writes there.");
            }

            var listed = storage.List(paths.Temporary).Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
            if (names.FirstOrDefault(name => !listed.Contains(name)) is { } absent)
                throw Refused($"does not list at once what was written: '{absent}' is missing. Use a store that is consistent.");
            storage.Delete(files[2]);
            if (Content(files[2]) is not null)
                throw Refused("still has a file that was deleted. Use a store that is consistent.");
        }
        finally
        {
            foreach (var file in files)
                Remove(file);
        }
    }

    /// <summary>Gives names to files, each twice. What went wrong, as a clause; null when nothing.</summary>
    private string? TriedNames(string first, string second, string name)
    {
        Create(first);
        Create(second);
        string? problem = null;
        if (TryCreateAgain(first))
            problem = $"'{first}' was created a second time";
        if (!storage.TryLink(first, name))
            throw Refused($"says that a new name is taken: '{name}'. Use a store with consistent names.");
        if (storage.TryLink(second, name))
            problem = $"'{name}' was given a second time";
        var content = Content(name);
        if (problem is null && content != first)
            throw Refused($"does not give back what was written: '{name}' holds '{SpecText.OneLine(content ?? "nothing")}', expected '{first}'. Use a store that is consistent.");
        return problem;
    }

    /// <summary>A file that holds its own path.</summary>
    private void Create(string path)
    {
        using var file = storage.Create(path);
        file.Write(System.Text.Encoding.UTF8.GetBytes(path));
        file.Sync();
        file.Close();
    }

    private bool TryCreateAgain(string path)
    {
        try
        {
            Create(path);
            return true;
        }
        catch (Exception error) when (error is PosixException { Errno: Errno.EEXIST } or ObjectStoreException { IsNameTaken: true })
        {
            return false;
        }
    }

    private string? Content(string path)
    {
        using var file = storage.OpenRead(path);
        return file is null ? null : System.Text.Encoding.UTF8.GetString(StoredFile.ReadAll(file));
    }

    /// <summary>Best effort: retention collects what stays.</summary>
    private void Remove(string path)
    {
        try
        {
            if (Content(path) is not null)
                storage.Delete(path);
        }
        catch (IOException)
        {
        }
    }

    private KaleidoException Refused(string what) => KaleidoException.Usage($"{Unfit} The store '{paths.Run}' {what}");
}
