namespace KaleidoDist.Data;

/// <summary>A line of a file.</summary>
/// <param name="Number">1-based.</param>
/// <param name="Offset">Of its first byte.</param>
/// <param name="Bytes">Without its end; valid until the next line is read. Empty when it is too long.</param>
/// <param name="IsTooLong">Whether it is longer than the most; it was passed over then.</param>
internal readonly record struct ByteLine(long Number, long Offset, ReadOnlyMemory<byte> Bytes, bool IsTooLong);

/// <summary>Reads the lines of an untrusted file one by one: a line of any length costs at most the longest one that is allowed.</summary>
internal static class LineReader
{
    private const int ReadBytes = 1 << 16;

    /// <summary>All lines; they end in LF or CRLF, the last one may end with the file.</summary>
    public static IEnumerable<ByteLine> Read(string path, int maxBytes)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.SequentialScan);
        var buffer = new byte[ReadBytes];
        var line = new MemoryStream();
        long number = 1, offset = 0, length = 0, position = 0;
        while (file.Read(buffer) is > 0 and var count)
        {
            for (var start = 0; start < count;)
            {
                var end = buffer.AsSpan(start, count - start).IndexOf((byte)'\n');
                var part = end < 0 ? count - start : end;
                length += part;
                if (length <= maxBytes)
                    line.Write(buffer, start, part);
                start += part + (end < 0 ? 0 : 1);
                if (end < 0)
                    break;
                yield return Line();
                number++;
                offset = position + start;
                length = 0;
                line.SetLength(0);
            }

            position += count;
        }

        if (length > 0)
            yield return Line();

        ByteLine Line()
        {
            if (length > maxBytes)
                return new ByteLine(number, offset, default, IsTooLong: true);
            var bytes = line.GetBuffer().AsMemory(0, (int)length);
            return new ByteLine(number, offset, bytes.Span is [.., (byte)'\r'] ? bytes[..^1] : bytes, IsTooLong: false);
        }
    }
}
