using System.Buffers;
using System.Globalization;
using System.Text;

namespace KaleidoDist.Data;

/// <summary>
/// The character rules of BERT's uncased basic tokenizer, applied to one stretch of text without white space: drop control and format
/// characters, set ideographs apart with spaces, lower-case, decompose (NFD), drop non-spacing marks.
/// </summary>
internal static class WordNormalizer
{
    /// <summary>Most UTF-16 units that one unit of input becomes before decomposition: a space on each side of an ideograph.</summary>
    private const int CleanGrowth = 3;

    /// <summary>White space that separates words; other control characters vanish and join their neighbours.</summary>
    public static bool IsSeparator(char c) => c < 0x80
        ? c is ' ' or '\t' or '\n' or '\r'
        : char.GetUnicodeCategory(c) is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    /// <summary>Punctuation: every Unicode P category and all ASCII symbols, which BERT also splits off.</summary>
    public static bool IsPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is >= 33 and <= 47 or >= 58 and <= 64 or >= 91 and <= 96 or >= 123 and <= 126
        : Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    /// <summary>Normalises <paramref name="chunk"/> into <paramref name="buffer"/>, which is rented anew where it is too small.</summary>
    /// <returns>UTF-16 units written.</returns>
    public static int Normalize(ReadOnlySpan<char> chunk, ref char[] buffer)
    {
        EnsureRoom(ref buffer, chunk.Length);
        return Ascii.IsValid(chunk) ? NormalizeAscii(chunk, buffer) : NormalizeUnicode(chunk, ref buffer);
    }

    private static int NormalizeAscii(ReadOnlySpan<char> chunk, Span<char> result)
    {
        var length = 0;
        foreach (var c in chunk)
        {
            if (c is >= ' ' and not '\x7f')
                result[length++] = c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
        }

        return length;
    }

    private static int NormalizeUnicode(ReadOnlySpan<char> chunk, ref char[] buffer)
    {
        var clean = ArrayPool<char>.Shared.Rent(CleanGrowth * chunk.Length);
        try
        {
            var cleanLength = Clean(chunk, clean);
            int length;
            while (!clean.AsSpan(0, cleanLength).TryNormalize(buffer, out length, NormalizationForm.FormD))
                EnsureRoom(ref buffer, 2 * buffer.Length);
            return DropMarks(buffer.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(clean);
        }
    }

    private static int Clean(ReadOnlySpan<char> chunk, Span<char> clean)
    {
        int length = 0, offset = 0;
        foreach (var rune in chunk.EnumerateRunes())
        {
            var next = offset + rune.Utf16SequenceLength;
            if (IsIdeograph(rune.Value))
            {
                clean[length++] = ' ';
                length += rune.EncodeToUtf16(clean[length..]);
                clean[length++] = ' ';
            }
            else if (!IsDropped(rune))
            {
                length += Lower(rune, chunk, offset, next).EncodeToUtf16(clean[length..]);
            }

            offset = next;
        }

        return length;
    }

    // Lone surrogates arrive here as U+FFFD.
    private static bool IsDropped(Rune rune) => rune.Value == 0xFFFD
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;

    private static bool IsIdeograph(int value) => value is
        >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F
        or >= 0x2B740 and <= 0x2B81F or >= 0x2B820 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;

    // The two letters whose full lower case is not their simple one (Unicode SpecialCasing): dotted capital I, whose dot is a mark and
    // would be dropped, and sigma at the end of a word.
    private static Rune Lower(Rune rune, ReadOnlySpan<char> chunk, int offset, int next) => rune.Value switch
    {
        0x0130 => new Rune('i'),
        0x03A3 when EndsWord(chunk[..offset], chunk[next..]) => new Rune('\u03c2'),
        _ => Rune.ToLowerInvariant(rune),
    };

    private static bool EndsWord(ReadOnlySpan<char> before, ReadOnlySpan<char> after)
    {
        var letterBefore = false;
        while (Rune.DecodeLastFromUtf16(before, out var rune, out var length) == OperationStatus.Done)
        {
            before = before[..^length];
            if (IsDropped(rune) || IsCaseIgnorable(rune))
                continue;
            letterBefore = IsCased(rune);
            break;
        }

        while (letterBefore && Rune.DecodeFromUtf16(after, out var rune, out var length) == OperationStatus.Done)
        {
            after = after[length..];
            if (!IsDropped(rune) && !IsCaseIgnorable(rune))
                return !IsCased(rune);
        }

        return letterBefore;
    }

    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || Rune.ToUpperInvariant(rune) != Rune.ToLowerInvariant(rune);

    private static bool IsCaseIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or 0xB7 or 0x2018 or 0x2019 or 0x2024 or 0x2027
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static int DropMarks(Span<char> text)
    {
        var length = 0;
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var count);
            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark)
            {
                text.Slice(i, count).CopyTo(text[length..]);
                length += count;
            }

            i += count;
        }

        return length;
    }

    private static void EnsureRoom(ref char[] buffer, int length)
    {
        if (buffer.Length >= length)
            return;
        ArrayPool<char>.Shared.Return(buffer);
        buffer = ArrayPool<char>.Shared.Rent(length);
    }
}
