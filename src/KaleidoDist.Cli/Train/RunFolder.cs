using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>The run folder as <c>kaleido train</c> finds it: nothing in it is ever overwritten silently.</summary>
internal static class RunFolder
{
    /// <summary>Name of the embedded coordinator's state folder.</summary>
    internal const string CoordinatorState = "coordinator";

    /// <summary>Name of the log file.</summary>
    internal const string LogFile = "kaleido.log";

    /// <summary>Refuses to start over in a folder that holds a run, or in a store with checkpoints.</summary>
    /// <exception cref="KaleidoException">The folder or the store is not empty.</exception>
    internal static void RequireEmpty(CheckpointSpec spec)
    {
        var folder = spec.Uri;
        if (spec.Store is { } store && new CheckpointCatalog(store, TimeProvider.System).List() is { Count: > 0 } kept)
            throw KaleidoException.Usage($"--fresh starts over, but '{store}' holds {kept.Count} checkpoints; nothing is overwritten. Name another checkpoint.store, or leave --fresh away to go on with the run.");
        if (!Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any())
            return;
        var checkpoints = Directory.Exists(Path.Combine(folder, "log")) ? new CheckpointCatalog(folder, TimeProvider.System).List().Count : 0;
        throw KaleidoException.Usage($"--fresh starts over, but '{folder}' is not empty ({checkpoints} checkpoints); nothing is overwritten. Name an empty folder (--fresh FOLDER), delete this one, or leave --fresh away to go on with the run.");
    }

    /// <summary>
    /// Where the embedded coordinator keeps its state: in the run folder, or, when that cannot be written to, in a temporary folder:
    /// training works all the same, its checkpoints fail with a warning that names the folder.
    /// </summary>
    internal static (string Folder, string? Warning) PrepareState(string runFolder)
    {
        var folder = Path.Combine(runFolder, CoordinatorState);
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, ".writable"), "");
            File.Delete(Path.Combine(folder, ".writable"));
            return (folder, null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var temporary = Directory.CreateTempSubdirectory("kaleido-").FullName;
            return (temporary, $"KD-S103 The run folder '{runFolder}' cannot be written to ({error.Message}); training goes on, but nothing of it will be kept. Stop it and mend the folder, or name another with --set checkpoint.uri=FOLDER.");
        }
    }
}
