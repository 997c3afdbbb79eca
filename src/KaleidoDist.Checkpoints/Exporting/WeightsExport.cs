using System.Security.Cryptography;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Weights that were written for other programs.</summary>
/// <param name="Path">The safetensors file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Tensors">Tensors in it.</param>
/// <param name="Sha256">Its hash, lower-case hex, of what was read back.</param>
public sealed record ExportedWeights(string Path, long Bytes, int Tensors, string Sha256);

/// <summary>
/// Writes the weights of a checkpoint as one plain safetensors file: PyTorch names, no moments. What is read is compared with the manifest's hashes,
/// what was written is read back.
/// </summary>
public static class WeightsExport
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Exports.</summary>
    /// <param name="runDirectory">The run folder.</param>
    /// <param name="manifest">The checkpoint.</param>
    /// <param name="path">The file, which must not exist; its folder must.</param>
    /// <param name="metadata">Strings for the header, besides <c>format</c>.</param>
    /// <exception cref="KaleidoException">The checkpoint is damaged.</exception>
    /// <exception cref="IOException">The file exists or cannot be written.</exception>
    public static ExportedWeights Write(string runDirectory, CheckpointManifest manifest, string path, IReadOnlyDictionary<string, string> metadata)
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
        var file = SafetensorsWriter.Write(PosixStorage.Instance, path, buffer.Sources, new Dictionary<string, string>(metadata) { ["format"] = "pt" });
        DurableDirectory.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return new ExportedWeights(path, file.Bytes, file.Tensors, Sha256(path));
    }

    private static string Sha256(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
