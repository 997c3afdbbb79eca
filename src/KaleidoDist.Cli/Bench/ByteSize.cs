using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Sizes as people write them: <c>4</c>, <c>64KiB</c>, <c>440MB</c>, <c>1.4GB</c>.</summary>
internal static class ByteSize
{
    private static readonly (string Suffix, long Bytes)[] Suffixes =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1),
    ];

    /// <summary>Reads a size in bytes.</summary>
    /// <exception cref="KaleidoException">It is none.</exception>
    internal static long Parse(string text)
    {
        var (suffix, unit) = Suffixes.FirstOrDefault(known => text.EndsWith(known.Suffix, StringComparison.OrdinalIgnoreCase), ("", 1));
        return decimal.TryParse(text.AsSpan(0, text.Length - suffix.Length).Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
            && count > 0 && count < long.MaxValue / unit && decimal.IsInteger(count * unit)
            ? (long)(count * unit)
            : throw KaleidoException.Usage($"'{text}' is not a size; expected for example 4, 64KiB or 1.4GB.");
    }
}
