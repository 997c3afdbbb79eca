using System.Buffers;
using System.Text;

namespace KaleidoDist.Data;

/// <summary>
/// Walks the words of a text in BERT's sense: lower-cased letters between white space, every punctuation mark and ideograph a word of
/// its own. Reads only as far as it is asked to. Dispose returns its buffer.
/// </summary>
internal ref struct BasicWords(ReadOnlySpan<char> text)
{
    private ReadOnlySpan<char> rest = text;
    private char[] buffer = ArrayPool<char>.Shared.Rent(64);
    private int position;
    private int end;
    private int wordStart;

    /// <summary>The word; valid until the next move.</summary>
    public readonly ReadOnlySpan<char> Current => buffer.AsSpan(wordStart, position - wordStart);

    /// <summary>Goes to the next word; false at the end of the text.</summary>
    public bool MoveNext()
    {
        while (true)
        {
            while (position < end && buffer[position] == ' ')
                position++;
            if (position < end)
            {
                ReadWord();
                return true;
            }

            if (!ReadChunk())
                return false;
        }
    }

    /// <summary>Returns the buffer.</summary>
    public readonly void Dispose() => ArrayPool<char>.Shared.Return(buffer);

    private bool ReadChunk()
    {
        var start = 0;
        while (start < rest.Length && WordNormalizer.IsSeparator(rest[start]))
            start++;
        var stop = start;
        while (stop < rest.Length && !WordNormalizer.IsSeparator(rest[stop]))
            stop++;
        if (start == stop)
            return false;

        var chunk = rest[start..stop];
        rest = rest[stop..];
        position = 0;
        end = WordNormalizer.Normalize(chunk, ref buffer);
        return true;
    }

    private void ReadWord()
    {
        wordStart = position;
        while (position < end && buffer[position] != ' ')
        {
            Rune.DecodeFromUtf16(buffer.AsSpan(position, end - position), out var rune, out var length);
            var punctuation = WordNormalizer.IsPunctuation(rune);
            if (punctuation && position > wordStart)
                return;
            position += length;
            if (punctuation)
                return;
        }
    }
}
