using System.Security.Cryptography;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>A file that was written for other programs.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Tensors">Tensors in it, or named by it.</param>
/// <param name="Sha256">Its hash, lower-case hex, of what was read back.</param>
public sealed record ExportedFile(string Path, long Bytes, int Tensors, string Sha256);

/// <summary>Weights that were written for other programs.</summary>
/// <param name="Entry">The file to load: all weights, or the index of the shards.</param>
/// <param name="Shards">The files that an index names; empty where one file holds all weights.</param>
public sealed record ExportedWeights(ExportedFile Entry, IReadOnlyList<ExportedFile> Shards)
{
    /// <summary>Size of all files that hold weights.</summary>
    public long Bytes => Shards.Count == 0 ? Entry.Bytes : Shards.Sum(f => f.Bytes);
}

/// <summary>
/// Writes the weights of a checkpoint for other programs, under their PyTorch names and without moments: one plain safetensors file, or where that would be too large several and
/// their index, in the layout of Hugging Face's libraries. What is read is compared with the manifest's hashes, what was written is read back. The index, or the only file, comes last.
/// </summary>
public static class WeightsExport
{
    /// <summary>Most that a file holds unless somebody says otherwise, as Hugging Face's libraries have it.</summary>
    public const long DefaultMaxShardBytes = 5_000_000_000;

    /// <summary>Name of the file where one is enough.</summary>
    public const string FileName = "model.safetensors";

    private const int BufferBytes = 1 << 20;

    /// <summary>Exports.</summary>
    /// <param name="runDirectory">The run folder.</param>
    /// <param name="manifest">The checkpoint.</param>
    /// <param name="folder">Where to; it must exist, the files in it must not.</param>
    /// <param name="metadata">Strings for the headers, besides <c>format</c>.</param>
    /// <param name="maxShardBytes">Most bytes of tensors in a file; a larger tensor has one of its own.</param>
    /// <exception cref="KaleidoException">The checkpoint is damaged.</exception>
    /// <exception cref="IOException">A file exists or cannot be written.</exception>
    public static ExportedWeights Write(
        string runDirectory, CheckpointManifest manifest, string folder, IReadOnlyDictionary<string, string> metadata, long maxShardBytes = DefaultMaxShardBytes)
    {
        using var buffer = new NativeTensorBuffer();
        using (var weights = CheckpointWeights.Open(new CheckpointPaths(runDirectory), CheckpointStores.Of(runDirectory), manifest))
        {
            foreach (var entry in weights.Entries)
                buffer.Add(entry);
        }

        new CheckpointLoader(runDirectory).LoadWeights(manifest, buffer.Destinations);
        if (WeightsHash.Compute(buffer.Sources) is var found && found != manifest.WeightsXxh128)
            throw new KaleidoException($"The weights of checkpoint {manifest.Seq} hash to {found}, expected {manifest.WeightsXxh128}. 'kaleido checkpoint verify {runDirectory}' shows which checkpoints are whole.");
        return WriteFiles(folder, buffer.Sources, new Dictionary<string, string>(metadata) { ["format"] = "pt" }, maxShardBytes);
    }

    private static ExportedWeights WriteFiles(string folder, IReadOnlyList<TensorSource> tensors, Dictionary<string, string> metadata, long maxShardBytes)
    {
        var shards = WeightShards.Split([.. tensors.Select(t => t.Bytes)], maxShardBytes);
        if (shards.Count == 1)
            return new ExportedWeights(WriteTensors(Path.Combine(folder, FileName), tensors, metadata), []);
        var files = new List<ExportedFile>();
        var places = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var shard in shards)
        {
            TensorSource[] held = [.. tensors.Take(shard)];
            var name = ShardNames.Tensors(ShardNames.Model, files.Count + 1, shards.Count);
            files.Add(WriteTensors(Path.Combine(folder, name), held, metadata));
            foreach (var tensor in held)
                places.Add(tensor.Name, name);
        }

        return new ExportedWeights(WriteIndex(Path.Combine(folder, WeightsIndex.FileName), new WeightsIndex(places).ToUtf8(tensors.Sum(t => t.Bytes)), tensors.Count), files);
    }

    private static ExportedFile WriteTensors(string path, IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var file = SafetensorsWriter.Write(PosixStorage.Instance, path, tensors, metadata);
        DurableDirectory.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return new ExportedFile(path, file.Bytes, file.Tensors, Sha256(path));
    }

    private static ExportedFile WriteIndex(string path, byte[] utf8, int tensors)
    {
        using (var file = PosixStorage.Instance.Create(path))
        {
            file.Write(utf8);
            file.Sync();
            file.Close();
        }

        DurableDirectory.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return new ExportedFile(path, utf8.Length, tensors, Sha256(path));
    }

    private static string Sha256(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
