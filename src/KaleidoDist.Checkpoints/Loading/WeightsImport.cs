using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Takes weights, and nothing else, from elsewhere by their names: a safetensors file (an export, Hugging Face's BERT), the files that an index names, a folder of such files, or
/// another run's newest checkpoint. What the source has not, or has in another shape, stays as it is. Nothing is ever unpickled.
/// </summary>
/// <param name="path">File, folder or run: of the file system, or in an object store, where files end in .safetensors and indices in .safetensors.index.json.</param>
/// <param name="storage">Where it is; follows from the path unless given.</param>
public sealed class WeightsImport(string path, IStorage? storage = null)
{
    private const string Extension = ".safetensors";
    private readonly IStorage storage = storage ?? CheckpointStores.Of(path);

    /// <summary>Loads what is there.</summary>
    /// <param name="weights">All weights of the model, float32.</param>
    /// <exception cref="KaleidoException">There is nothing to read, nothing that fits, or it cannot be trusted (<see cref="ExitCode.Usage"/>: it is what the job asks for).</exception>
    public WeightsReport Load(IReadOnlyList<TensorDestination> weights)
    {
        var files = Files();
        var readers = new List<(SafetensorsReader Reader, SourceFile File)>();
        try
        {
            foreach (var file in files)
                readers.Add((Open(file), file));
            return Read(weights, readers);
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw KaleidoException.Usage($"'model.init' is '{path}', which cannot be read: {error.Message}. Expected safetensors files.", error);
        }
        finally
        {
            foreach (var (reader, _) in readers)
                reader.Dispose();
        }
    }

    private WeightsReport Read(IReadOnlyList<TensorDestination> weights, List<(SafetensorsReader Reader, SourceFile File)> readers)
    {
        var isForeign = !ForeignNames.AreOwn(readers.SelectMany(r => r.Reader.Header.Entries).Select(e => e.Name));
        var wanted = weights.ToDictionary(w => w.Name, StringComparer.Ordinal);
        var loaded = new HashSet<string>(StringComparer.Ordinal);
        List<string> different = [], unused = [];
        foreach (var (reader, file) in readers)
        {
            var taken = new List<(SafetensorsEntry Entry, TensorDestination Weight)>();
            foreach (var entry in reader.Header.Entries)
            {
                if (!wanted.TryGetValue(isForeign ? ForeignNames.Own(entry.Name) : entry.Name, out var weight))
                    unused.Add(entry.Name);
                else if (!CanBecomeFloats(entry.Type) || !entry.Shape.SequenceEqual(weight.Shape))
                    different.Add($"{weight.Name} is {TensorTypes.Describe(entry.Type, entry.Shape)}, here {TensorTypes.Describe(weight.Type, weight.Shape)}");
                else if (!loaded.Add(weight.Name))
                    throw new InvalidDataException($"tensor '{weight.Name}' is there twice");
                else
                    taken.Add((entry, weight));
            }

            Take(reader, file, taken);
        }

        if (loaded.Count == 0)
            throw KaleidoException.Usage($"'model.init' is '{path}', which has no weight of this model ({unused.Count} other tensors, {different.Count} of another shape); expected at least one. Compare 'model.preset' and sizes.");
        if (isForeign)
            SwapRows(weights.Where(w => w.Name.StartsWith(ForeignNames.MatchClassifier, StringComparison.Ordinal) && loaded.Contains(w.Name)));
        string[] kept = [.. weights.Select(w => w.Name).Except(loaded).Where(name => !different.Any(d => d.StartsWith($"{name} ", StringComparison.Ordinal)))];
        return new WeightsReport(path, isForeign, [.. loaded], kept, different, unused);
    }

    /// <summary>Reads one file: to its place what is float32, the rest through memory of its own.</summary>
    private static void Take(SafetensorsReader reader, SourceFile file, List<(SafetensorsEntry Entry, TensorDestination Weight)> taken)
    {
        var narrow = new List<(SafetensorsEntry Entry, TensorDestination Weight, AlignedMemory Memory)>();
        try
        {
            var addresses = new Dictionary<string, nint>(StringComparer.Ordinal);
            foreach (var (entry, weight) in taken)
            {
                if (entry.Type != TensorType.F32)
                    narrow.Add((entry, weight, new AlignedMemory(entry.Bytes)));
                addresses.Add(entry.Name, entry.Type == TensorType.F32 ? weight.Address : narrow[^1].Memory.Address);
            }

            var hash = reader.ReadAll(addresses);
            if (file.Xxh128 is { } expected && hash != expected)
                throw new InvalidDataException($"'{file.Path}' is damaged: its xxh128 is {hash}, expected {expected}");
            foreach (var (entry, weight, memory) in narrow)
                Widen(entry, memory.Address, weight.Address);
        }
        finally
        {
            foreach (var (_, _, memory) in narrow)
                memory.Dispose();
        }
    }

    private static bool CanBecomeFloats(TensorType type) => type is TensorType.F32 or TensorType.F16 or TensorType.BF16;

    private static void Widen(SafetensorsEntry entry, nint source, nint destination)
    {
        var halves = MemoryMarshal.Cast<byte, ushort>(NativeBytes.Read(source, 0, checked((int)entry.Bytes)));
        var floats = MemoryMarshal.Cast<byte, float>(NativeBytes.Write(destination, 0, checked((int)entry.Bytes * 2)));
        for (var i = 0; i < halves.Length; i++)
            floats[i] = entry.Type == TensorType.F16 ? (float)BitConverter.UInt16BitsToHalf(halves[i]) : BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }

    private static void SwapRows(IEnumerable<TensorDestination> classifiers)
    {
        foreach (var weight in classifiers)
        {
            var values = NativeBytes.Write(weight.Address, 0, (int)weight.Bytes);
            var half = values.Length / 2;
            var first = values[..half].ToArray();
            values[half..].CopyTo(values);
            first.CopyTo(values[half..]);
        }
    }

    private SafetensorsReader Open(SourceFile file)
    {
        var reader = SafetensorsReader.Open(storage.OpenRead(file.Path) ?? throw new InvalidDataException($"'{file.Path}' does not exist"));
        if (file.Names.Except(reader.Header.Entries.Select(e => e.Name)).FirstOrDefault() is not { } absent)
            return reader;
        reader.Dispose();
        throw new InvalidDataException($"'{file.Path}' has no tensor '{absent}', which the index says it has");
    }

    /// <summary>The files to read, and where they are known their hashes.</summary>
    private IReadOnlyList<SourceFile> Files()
    {
        if (path.EndsWith(WeightsIndex.Extension, StringComparison.Ordinal))
            return FilesOf(path);
        if (IsFile())
            return [new SourceFile(path)];
        var manifests = new CheckpointCatalog(path, TimeProvider.System, storage).List().Select(l => l.Manifest).OfType<CheckpointManifest>().ToList();
        if (manifests.MaxBy(m => m.Seq) is { } newest)
        {
            var data = new CheckpointPaths(path).DataFolder(newest.Generation, newest.Step, newest.Attempt);
            return [.. newest.Files.Where(f => ShardNames.PartOf(f.Name) == ShardNames.Model).Select(f => new SourceFile($"{data}/{f.Name}") { Xxh128 = f.Xxh128 })];
        }

        var entries = storage.List(path).Where(e => !e.IsDirectory).ToList();
        if (entries.Any(e => e.Name == WeightsIndex.FileName))
            return FilesOf($"{path}/{WeightsIndex.FileName}");
        SourceFile[] files = [.. entries.Where(e => e.Name.EndsWith(Extension, StringComparison.Ordinal)).Select(e => new SourceFile($"{path}/{e.Name}"))];
        return files.Length > 0 ? files : throw KaleidoException.Usage($"'model.init' is '{path}', which has neither a checkpoint nor a safetensors file; expected one.");
    }

    /// <summary>The files that an index names, and no others: what else lies beside it may hold the same weights once more.</summary>
    private IReadOnlyList<SourceFile> FilesOf(string index)
    {
        try
        {
            using var file = storage.OpenRead(index) ?? throw new InvalidDataException($"'{index}' does not exist");
            return [.. WeightsIndex.Read(file).Files.Select(f => new SourceFile(index[..^Path.GetFileName(index).Length] + f.Key) { Names = [.. f] })];
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw KaleidoException.Usage($"'model.init' is '{path}', which cannot be read: {error.Message}. Expected an index of safetensors files.", error);
        }
    }

    private bool IsFile() => S3Address.IsOne(path) ? path.EndsWith(Extension, StringComparison.Ordinal) : !Directory.Exists(path);

    private sealed record SourceFile(string Path)
    {
        /// <summary>Its hash, where that is known.</summary>
        public string? Xxh128 { get; init; }

        /// <summary>Tensors it must have.</summary>
        public IReadOnlyList<string> Names { get; init; } = [];
    }
}
