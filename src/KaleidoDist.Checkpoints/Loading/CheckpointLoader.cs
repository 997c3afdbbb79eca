using System.IO.Hashing;
using System.Runtime.ExceptionServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Reads a checkpoint into native memory: everything is compared with the model before the first byte is stored, and every file's hash is computed while
/// it is read. How many ranks wrote it does not matter. After an exception the destinations hold nothing that may be used.
/// </summary>
/// <param name="runDirectory">The run folder.</param>
/// <param name="storage">Where it is; the POSIX file system unless given.</param>
public sealed class CheckpointLoader(string runDirectory, IStorage? storage = null)
{
    private const int MaxStateBytes = 16 << 20;
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage storage = storage ?? CheckpointStores.Of(runDirectory);

    /// <summary>Reads weights and optimizer.</summary>
    /// <param name="manifest">The checkpoint.</param>
    /// <param name="weights">All weights of the model.</param>
    /// <param name="firstMoments">Adam's m, each under the name of its weight.</param>
    /// <param name="secondMoments">Adam's v, each under the name of its weight.</param>
    /// <returns>What else was saved.</returns>
    /// <exception cref="KaleidoException">
    /// A checkpoint of another model (<see cref="ExitCode.Usage"/>: a restart cannot help), or damaged (<see cref="ExitCode.Failed"/>: the catalog finds an older one).
    /// </exception>
    public TrainingState Load(
        CheckpointManifest manifest,
        IReadOnlyList<TensorDestination> weights,
        IReadOnlyList<TensorDestination> firstMoments,
        IReadOnlyList<TensorDestination> secondMoments)
    {
        TensorDestination[] moments =
        [
            .. firstMoments.Select(m => m with { Name = ShardNames.FirstMoment + m.Name }),
            .. secondMoments.Select(m => m with { Name = ShardNames.SecondMoment + m.Name }),
        ];
        using var model = Open(manifest, ShardNames.Model, weights);
        using var optimizer = Open(manifest, ShardNames.Optimizer, moments);
        Read([.. model.Reads, .. optimizer.Reads]);
        return ReadState(manifest);
    }

    /// <summary>Reads weights only, to evaluate or predict.</summary>
    /// <exception cref="KaleidoException">As for <see cref="Load"/>.</exception>
    public void LoadWeights(CheckpointManifest manifest, IReadOnlyList<TensorDestination> weights)
    {
        using var model = Open(manifest, ShardNames.Model, weights);
        Read([.. model.Reads]);
    }

    /// <summary>Two files at a time: one is hashed while the other one waits for the disk.</summary>
    private static void Read(IReadOnlyList<Action> reads)
    {
        try
        {
            Parallel.Invoke(new ParallelOptions { MaxDegreeOfParallelism = 2 }, [.. reads]);
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }

    private OpenPart Open(CheckpointManifest manifest, string part, IReadOnlyList<TensorDestination> wanted)
    {
        foreach (var tensor in wanted)
        {
            if (tensor.Bytes != TensorTypes.Bytes(tensor.Type, tensor.Shape))
                throw new ArgumentException($"Tensor '{tensor.Name}' {TensorTypes.Describe(tensor.Type, tensor.Shape)} cannot have {tensor.Bytes} bytes.", nameof(wanted));
        }

        var open = new OpenPart(this, manifest, wanted.ToDictionary(t => t.Name, t => t.Address, StringComparer.Ordinal));
        try
        {
            foreach (var file in FilesOf(manifest, part))
                open.Add(file);
            if (ModelComparison.Difference(wanted, open.Entries) is { } difference)
            {
                throw KaleidoException.Usage(
                    $"Checkpoint {manifest.Seq} of '{paths.Run}' is a checkpoint of another model: {difference}. "
                    + "Use the model it was trained with, or give this job another checkpoint.uri.");
            }

            return open;
        }
        catch
        {
            open.Dispose();
            throw;
        }
    }

    private TrainingState ReadState(CheckpointManifest manifest)
    {
        var expected = FilesOf(manifest, ShardNames.State)[0];
        using var file = OpenFile(manifest, expected);
        if (expected.Bytes > MaxStateBytes)
            throw Damaged(manifest, expected, $"it has {expected.Bytes} bytes; at most {MaxStateBytes} are read");
        var utf8 = StoredFile.ReadAll(file);
        RequireHash(manifest, expected, Convert.ToHexStringLower(XxHash128.Hash(utf8)));
        return Trusting(manifest, expected, () => TrainingState.FromUtf8(utf8));
    }

    private List<CheckpointFile> FilesOf(CheckpointManifest manifest, string part)
    {
        var files = manifest.Files.Where(f => ShardNames.PartOf(f.Name) == part).ToList();
        return files.Count > 0
            ? files
            : throw new KaleidoException($"Checkpoint {manifest.Seq} of '{paths.Run}' has no '{part}' file; expected at least one. Use another checkpoint.");
    }

    private IStorageReader OpenFile(CheckpointManifest manifest, CheckpointFile expected)
    {
        var file = storage.OpenRead(Path.Combine(paths.DataFolder(manifest.Generation, manifest.Step, manifest.Attempt), expected.Name))
            ?? throw Damaged(manifest, expected, "it is missing");
        if (file.Length == expected.Bytes)
            return file;
        using (file)
            throw Damaged(manifest, expected, $"it has {file.Length} bytes, expected {expected.Bytes}");
    }

    private void RequireHash(CheckpointManifest manifest, CheckpointFile expected, string found)
    {
        if (found != expected.Xxh128)
            throw Damaged(manifest, expected, $"its xxh128 is {found}, expected {expected.Xxh128}");
    }

    private T Trusting<T>(CheckpointManifest manifest, CheckpointFile file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw Damaged(manifest, file, error.Message, error);
        }
    }

    private KaleidoException Damaged(CheckpointManifest manifest, CheckpointFile file, string problem, Exception? inner = null) => new(
        $"{CheckpointProblem.Damaged} Checkpoint {manifest.Seq} of '{paths.Run}' is damaged ({file.Name}: {problem}). "
        + "Start the job again: it falls back to an older one.",
        inner: inner);

    /// <summary>The open files of one part, checked against the model and ready to be read.</summary>
    private sealed class OpenPart(CheckpointLoader loader, CheckpointManifest manifest, IReadOnlyDictionary<string, nint> addresses) : IDisposable
    {
        private readonly List<(CheckpointFile File, SafetensorsReader Reader)> files = [];
        private readonly HashSet<string> names = new(StringComparer.Ordinal);

        public IEnumerable<SafetensorsEntry> Entries => files.SelectMany(f => f.Reader.Header.Entries);

        public void Add(CheckpointFile file)
        {
            var opened = loader.OpenFile(manifest, file);
            var reader = loader.Trusting(manifest, file, () => SafetensorsReader.Open(opened));
            var twice = reader.Header.Entries.FirstOrDefault(e => !names.Add(e.Name));
            files.Add((file, reader));
            if (twice is not null)
                throw loader.Damaged(manifest, file, $"tensor '{twice.Name}' is in another file too");
        }

        /// <summary>Reads and verifies the files, each independent of the others.</summary>
        public IEnumerable<Action> Reads => files.Select(f => (Action)(() =>
            loader.RequireHash(manifest, f.File, loader.Trusting(manifest, f.File, () => f.Reader.ReadAll(addresses)))));

        public void Dispose()
        {
            foreach (var (_, reader) in files)
                reader.Dispose();
        }
    }
}
