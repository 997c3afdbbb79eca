using System.Buffers;
using System.Text;

namespace KaleidoDist.Data;

/// <summary>Decodes bytes of unknown encoding.</summary>
internal static class ForeignText
{
    /// <summary>
    /// UTF-8 where it is valid, or has at least one letter beyond ASCII that is (then what is not is replaced by U+FFFD); latin-1
    /// otherwise: a lone byte above 0x7F is a letter of western Europe more often than damage.
    /// </summary>
    public static string Decode(ReadOnlySpan<byte> bytes) => IsUtf8(bytes) ? Encoding.UTF8.GetString(bytes) : Encoding.Latin1.GetString(bytes);

    private static bool IsUtf8(ReadOnlySpan<byte> bytes)
    {
        var damaged = false;
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            if (status == OperationStatus.Done && !rune.IsAscii)
                return true;
            damaged |= status != OperationStatus.Done;
            bytes = bytes[length..];
        }

        return !damaged;
    }
}
