using System.Formats.Tar;
using System.IO.Compression;

namespace KaleidoDist.Data.Tests;

/// <summary>Small archives of pictures, well-formed or not.</summary>
internal static class Archives
{
    public static void Write(string path, IEnumerable<(string Name, byte[] Bytes)> members, Action<TarWriter>? more = null)
    {
        using var file = File.Create(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Optimal) : file;
        using var tar = new TarWriter(stream, TarEntryFormat.Pax);
        foreach (var (name, bytes) in members)
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) });
        more?.Invoke(tar);
    }
}
