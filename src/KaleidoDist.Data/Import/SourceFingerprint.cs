using System.IO.Hashing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// What names the content of a source file: its size and an XXH128 over it; of a large file over its first and last part, with the
/// time it was last written.
/// </summary>
internal static class SourceFingerprint
{
    private const long WholeBytes = 64L << 20;
    private const int PartBytes = 1 << 20;

    /// <summary>The fingerprint of a file.</summary>
    /// <exception cref="KaleidoException">There is no such file.</exception>
    public static string Of(string path)
    {
        if (!File.Exists(path))
            throw KaleidoException.Usage($"'{path}': no such file; expected a source to import. Check the path.");
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        var hash = new XxHash128();
        if (file.Length <= WholeBytes)
        {
            hash.Append(file);
            return $"{file.Length} bytes, xxh128 {Convert.ToHexStringLower(hash.GetCurrentHash())}";
        }

        var part = new byte[PartBytes];
        file.ReadExactly(part);
        hash.Append(part);
        file.Position = file.Length - PartBytes;
        file.ReadExactly(part);
        hash.Append(part);
        return FormattableString.Invariant($"{file.Length} bytes, xxh128 of both ends {Convert.ToHexStringLower(hash.GetCurrentHash())}, written {File.GetLastWriteTimeUtc(path):O}");
    }
}
