using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// What makes an import restartable: <c>import.json</c> in the output folder is replaced as a whole after every complete shard. A
/// shard counts only while its file has the size and the footer it had then; an import goes on after the last of those that count.
/// The folder is held by one import at a time.
/// </summary>
internal sealed class ImportJournal : IDisposable
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "import.json";

    private const string WorkName = ".import";
    private const string LockName = "lock";
    private const string Shards = "*.parquet";

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    private readonly string folder;
    private readonly FileStream heldLock;

    private ImportJournal(string folder, FileStream heldLock, ImportState state)
    {
        this.folder = folder;
        this.heldLock = heldLock;
        State = state;
    }

    /// <summary>The output folder, absolute.</summary>
    public string Folder => folder;

    /// <summary>What is done.</summary>
    public ImportState State { get; private set; }

    /// <summary>Folder for what is needed only until the import ends.</summary>
    public string WorkFolder => Path.Combine(folder, WorkName);

    /// <summary>Begins an import, or goes on with one of the same inputs.</summary>
    /// <param name="output">Output folder; created when missing.</param>
    /// <param name="subfolders">Folders of the shards below it.</param>
    /// <param name="inputs">Everything the result depends on.</param>
    /// <param name="overwrite">Whether another data set that is there is removed.</param>
    /// <exception cref="KaleidoException">Another import is at work, or there is another data set.</exception>
    public static ImportJournal Open(string output, IReadOnlyList<string> subfolders, IReadOnlyDictionary<string, string> inputs, bool overwrite)
    {
        var folder = Path.GetFullPath(output);
        Directory.CreateDirectory(Path.Combine(folder, WorkName));
        var heldLock = Lock(folder);
        try
        {
            var found = Read(folder);
            var difference = found is null ? null : ImportState.Difference(found.Inputs, inputs);
            var goesOn = found is not null && difference is null && !(found.Complete && overwrite);
            if (!goesOn && overwrite)
                Clear(folder, subfolders);
            else if (!goesOn && found is { Shards.Count: > 0 })
                throw KaleidoException.Usage($"'{folder}' holds {(found.Complete ? "another import" : "an unfinished import of other inputs")}: {difference}. Repeat the command it was begun with, choose another folder or pass --overwrite.");
            RefuseForeign(folder, subfolders, goesOn ? found : null);
            if (!goesOn)
                ClearWork(folder);
            var state = goesOn ? Verified(folder, found!) : new ImportState { Inputs = inputs };
            foreach (var name in subfolders)
                Directory.CreateDirectory(Path.Combine(folder, name));
            var journal = new ImportJournal(folder, heldLock, state);
            journal.Write(state);
            return journal;
        }
        catch
        {
            heldLock.Dispose();
            throw;
        }
    }

    /// <summary>Files of the shards that are complete, absolute.</summary>
    public IReadOnlyList<string> Files => [.. State.Shards.Select(s => Path.Combine(folder, s.Folder, s.File))];

    /// <summary>Length of the list of skipped rows at the last complete shard.</summary>
    public long SkippedBytes => State.Complete ? State.SkippedBytes : State.Shards.Count > 0 ? State.Shards[^1].SkippedBytes : 0;

    /// <summary>Notes a shard that has its name now.</summary>
    public void Add(string subfolder, string file, long rows, long next, long skippedBytes, ForegroundWays? boxes)
    {
        var footer = ReadFooter(Path.Combine(folder, subfolder, file));
        Write(State with { Shards = [.. State.Shards, new CompleteShard(subfolder, file, rows, footer.FileBytes, footer.Sha256, next, skippedBytes, boxes)] });
    }

    /// <summary>Notes the end and removes what was needed only until then.</summary>
    public void Complete(int categoryCount, int subcategoryCount, long skippedBytes)
    {
        Write(State with { Complete = true, CategoryCount = categoryCount, SubcategoryCount = subcategoryCount, SkippedBytes = skippedBytes });
        RemoveWork();
    }

    /// <summary>Removes what is needed only until the import ends.</summary>
    public void RemoveWork() => Directory.Delete(WorkFolder, recursive: true);

    /// <summary>Lets another import have the folder.</summary>
    public void Dispose() => heldLock.Dispose();

    private static FileStream Lock(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, WorkName, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new KaleidoException($"'{folder}' is being written by another import ({error.Message}); expected to be alone. Wait for it, or choose another folder.", ExitCode.Failed, error);
        }
    }

    private static ImportState? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            if (JsonSerializer.Deserialize<ImportState>(File.ReadAllBytes(path), Format) is { Format: ImportState.CurrentFormat } state)
                return state;
        }
        catch (JsonException error)
        {
            throw KaleidoException.Usage($"'{path}' cannot be read ({error.Message}); expected what an import left. Remove it and pass --overwrite to import anew.", error);
        }

        throw KaleidoException.Usage($"'{path}' is of another format; expected {ImportState.CurrentFormat}. Use the kaleido it was begun with, or remove it and pass --overwrite.");
    }

    /// <summary>The shards whose files are still what they were, up to the first that is not.</summary>
    private static ImportState Verified(string folder, ImportState state)
    {
        var good = state.Shards.TakeWhile(s => IsWhole(Path.Combine(folder, s.Folder, s.File), s)).ToArray();
        return good.Length == state.Shards.Count ? state : state with { Shards = good, Complete = false };
    }

    private static bool IsWhole(string path, CompleteShard shard)
    {
        if (new FileInfo(path) is not { Exists: true } file || file.Length != shard.Bytes)
            return false;
        try
        {
            return ReadFooter(path).Sha256 == shard.FooterSha256;
        }
        catch (KaleidoException)
        {
            return false;
        }
    }

    private static ParquetFooter ReadFooter(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        return ParquetFooter.Read(stream);
    }

    /// <summary>
    /// Files that are not this import's are never replaced unasked. A shard that got its name just before the process was killed is
    /// not in the journal; it is the one after the last, and is written again.
    /// </summary>
    private static void RefuseForeign(string folder, IReadOnlyList<string> subfolders, ImportState? state)
    {
        foreach (var name in subfolders)
        {
            var known = state?.Shards.Where(s => s.Folder == name).Select(s => s.File).ToHashSet() ?? [];
            var mayHaveNext = state is { Complete: false };
            var path = Path.Combine(folder, name);
            if (Directory.Exists(path) && Directory.EnumerateFiles(path, Shards).Any(f => !known.Contains(Path.GetFileName(f)) && !(mayHaveNext && IsPart(f, known.Count))))
                throw KaleidoException.Usage($"'{path}' holds Parquet files already; expected none. Choose another folder or pass --overwrite.");
        }
    }

    private static bool IsPart(string path, int index)
        => Path.GetFileNameWithoutExtension(path) is ['p', 'a', 'r', 't', '-', .. var number] && int.TryParse(number, out var part) && part == index;

    private static void Clear(string folder, IReadOnlyList<string> subfolders)
    {
        // The journal goes first: without it, no shard is taken for a complete one.
        File.Delete(Path.Combine(folder, FileName));
        File.Delete(Path.Combine(folder, SkipLog.FileName));
        foreach (var path in subfolders.Select(name => Path.Combine(folder, name)).Where(Directory.Exists))
        {
            foreach (var file in Directory.GetFiles(path, Shards))
                File.Delete(file);
        }
    }

    /// <summary>What was unpacked from another source must not be taken for this one's.</summary>
    private static void ClearWork(string folder)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(folder, WorkName)).Where(f => Path.GetFileName(f) != LockName))
            File.Delete(file);
    }

    private void Write(ImportState state)
    {
        var path = Path.Combine(folder, FileName);
        var temporary = $"{path}.partial";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20, FileOptions.WriteThrough))
            JsonSerializer.Serialize(stream, state, Format);
        File.Move(temporary, path, overwrite: true);
        State = state;
    }
}
