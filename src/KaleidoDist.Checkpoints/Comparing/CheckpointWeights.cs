using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>The weights of a checkpoint, tensor by tensor, wherever its files put them.</summary>
internal sealed class CheckpointWeights : IDisposable
{
    private readonly List<SafetensorsReader> readers = [];
    private readonly SortedDictionary<string, (SafetensorsReader Reader, SafetensorsEntry Entry)> tensors = new(StringComparer.Ordinal);

    private CheckpointWeights()
    {
    }

    /// <summary>All tensors, in ordinal name order.</summary>
    internal IEnumerable<SafetensorsEntry> Entries => tensors.Values.Select(t => t.Entry);

    /// <summary>Opens the files and checks their headers. Their content is not compared with its hashes.</summary>
    /// <exception cref="KaleidoException">A file is missing or is no safetensors file.</exception>
    internal static CheckpointWeights Open(CheckpointPaths paths, IStorage storage, CheckpointManifest manifest)
    {
        var weights = new CheckpointWeights();
        try
        {
            foreach (var file in manifest.Files.Where(f => ShardNames.PartOf(f.Name) == ShardNames.Model))
                weights.Add(storage, Path.Combine(paths.DataFolder(manifest), file.Name));
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>A tensor by name; null when there is none.</summary>
    internal SafetensorsEntry? Find(string name) => tensors.TryGetValue(name, out var tensor) ? tensor.Entry : null;

    /// <summary>Reads a part of a tensor.</summary>
    internal void Read(string name, long offset, Span<byte> buffer) => tensors[name].Reader.Read(tensors[name].Entry, offset, buffer);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var reader in readers)
            reader.Dispose();
    }

    private void Add(IStorage storage, string path)
    {
        try
        {
            var reader = SafetensorsReader.Open(storage.OpenRead(path) ?? throw new InvalidDataException("it is missing"));
            readers.Add(reader);
            foreach (var entry in reader.Header.Entries)
                tensors[entry.Name] = (reader, entry);
        }
        catch (InvalidDataException error)
        {
            throw new KaleidoException($"'{path}' cannot be read: {error.Message}. 'kaleido checkpoint verify' shows which checkpoints are whole.", inner: error);
        }
    }
}
