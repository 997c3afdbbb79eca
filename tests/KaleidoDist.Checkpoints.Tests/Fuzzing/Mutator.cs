namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Makes hostile inputs of good ones: bits, bytes, words of the format, numbers at the edges, pieces copied, cut out and spliced. Seeded.</summary>
/// <param name="seed">Decides everything.</param>
/// <param name="corpus">Inputs to start from, good and bad.</param>
internal sealed class Mutator(int seed, IReadOnlyList<byte[]> corpus)
{
    /// <summary>Longest input made.</summary>
    public const int MaxBytes = 8192;

    private const int MaxEdits = 4;

    private static readonly byte[][] Words =
    [
        .. new[]
        {
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\\ud800", "\\u0061", "null", "true", "NaN", "\"\"", "{}", "[]", "[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":",
            "0", "-1", "-0", "1.5", "1e999", "9223372036854775807", "9223372036854775808", "18446744073709551616", "4294967296", "2147483648", "0000",
            "\"__metadata__\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "F32", "BOOL", "\"seq\"", "\"parentSeq\"", "\"files\"", "\"self\"", "\"minReader\"", "../", " ", "\n", "\0",
        }.Select(System.Text.Encoding.UTF8.GetBytes),
    ];

    private readonly Random random = new(seed);

    /// <summary>The next input.</summary>
    public byte[] Next()
    {
        var bytes = new List<byte>(corpus[random.Next(corpus.Count)]);
        for (var edits = random.Next(1, random.Next(1, MaxEdits) + 2); edits > 0; edits--)
            Edit(bytes);
        if (bytes.Count > MaxBytes)
            bytes.RemoveRange(MaxBytes, bytes.Count - MaxBytes);
        return [.. bytes];
    }

    private void Edit(List<byte> bytes)
    {
        var at = random.Next(bytes.Count + 1);
        var length = Math.Min(random.Next(1, 24), bytes.Count - at);
        switch (random.Next(8))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes.InsertRange(at, Words[random.Next(Words.Length)]);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4:
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                break;
            case 5:
                ReplaceNumber(bytes, at);
                break;
            case 6:
                var other = corpus[random.Next(corpus.Count)];
                var from = random.Next(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(random.Next(1, 48), other.Length - from)).ToArray());
                break;
            default:
                // Rare, since little is left of the input.
                if (random.Next(8) == 0)
                    bytes.RemoveRange(at, bytes.Count - at);
                break;
        }
    }

    /// <summary>The next number after a place becomes another one: the mutation that stays well-formed.</summary>
    private void ReplaceNumber(List<byte> bytes, int at)
    {
        var start = bytes.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0)
            return;
        var end = bytes.FindIndex(start, b => b is < (byte)'0' or > (byte)'9');
        bytes.RemoveRange(start, (end < 0 ? bytes.Count : end) - start);
        bytes.InsertRange(start, System.Text.Encoding.UTF8.GetBytes(random.Next(3) switch
        {
            0 => $"{random.Next(20)}",
            1 => $"{1L << random.Next(63)}",
            _ => $"{random.NextInt64()}",
        }));
    }
}
