using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// BERT's uncased tokenizer (Devlin et al., 2019): basic words, each cut greedily into the longest entries of a vocabulary. Text is data:
/// a literal "[MASK]" in it is three words, never the special token. Immutable, for any number of threads.
/// </summary>
public sealed class WordPieceTokenizer
{
    private const string ContinuationPrefix = "##";

    // Longer words become [UNK], as in the reference implementation; counted in code points.
    private const int MaxWordLength = 100;

    private static readonly Lazy<WordPieceTokenizer> Shared = new(LoadEmbedded);

    private readonly string[] entries;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> starts;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> continuations;
    private readonly int longestEntry;

    private WordPieceTokenizer(byte[] vocabulary, string source)
    {
        IcuCheck.Verify();
        entries = Encoding.UTF8.GetString(vocabulary).Split('\n').Select(line => line.TrimEnd('\r')).ToArray();
        if (entries[^1].Length == 0)
            entries = entries[..^1];
        VocabularySha256 = Convert.ToHexStringLower(SHA256.HashData(vocabulary));

        var startIds = new Dictionary<string, int>(entries.Length, StringComparer.Ordinal);
        var continuationIds = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < entries.Length; id++)
        {
            var continues = entries[id].StartsWith(ContinuationPrefix, StringComparison.Ordinal) && entries[id].Length > ContinuationPrefix.Length;
            var text = continues ? entries[id][ContinuationPrefix.Length..] : entries[id];
            if (text.Length == 0 || !(continues ? continuationIds : startIds).TryAdd(text, id))
                throw new KaleidoException(
                    $"Line {id + 1} of vocabulary '{source}' is '{entries[id]}', which is {(text.Length == 0 ? "empty" : "there twice")}; "
                    + "expected one distinct entry a line. Use the vocab.txt that the model was trained with.");
            longestEntry = Math.Max(longestEntry, text.Length);
        }

        starts = startIds.GetAlternateLookup<ReadOnlySpan<char>>();
        continuations = continuationIds.GetAlternateLookup<ReadOnlySpan<char>>();
        PadId = SpecialId("[PAD]");
        UnknownId = SpecialId("[UNK]");
        ClsId = SpecialId("[CLS]");
        SepId = SpecialId("[SEP]");
        MaskId = SpecialId("[MASK]");

        int SpecialId(string entry) => startIds.TryGetValue(entry, out var id) ? id : throw new KaleidoException(
            $"Vocabulary '{source}' has {entries.Length} entries and no {entry}; expected BERT's five special tokens. "
            + "Use the vocab.txt that the model was trained with.");
    }

    /// <summary>The tokenizer of BERT base uncased, 30,522 entries; loaded at first use and shared.</summary>
    /// <exception cref="KaleidoException">This process has no ICU, see <see cref="IcuCheck"/>.</exception>
    public static WordPieceTokenizer BertBaseUncased => Shared.Value;

    /// <summary>Number of entries.</summary>
    public int VocabularySize => entries.Length;

    /// <summary>Identity of the vocabulary: sha256 of its file, lower-case hex.</summary>
    public string VocabularySha256 { get; }

    /// <summary>Id of [PAD].</summary>
    public int PadId { get; }

    /// <summary>Id of [UNK], a word with no pieces in the vocabulary.</summary>
    public int UnknownId { get; }

    /// <summary>Id of [CLS], the first token of every text.</summary>
    public int ClsId { get; }

    /// <summary>Id of [SEP], the last token of every text.</summary>
    public int SepId { get; }

    /// <summary>Id of [MASK].</summary>
    public int MaskId { get; }

    /// <summary>Reads a vocabulary: UTF-8, one entry a line, ids are line numbers from 0.</summary>
    /// <exception cref="KaleidoException">The file cannot be read, or is no WordPiece vocabulary.</exception>
    public static WordPieceTokenizer FromVocabulary(string path)
    {
        try
        {
            return new WordPieceTokenizer(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KaleidoException($"Vocabulary '{path}' cannot be read: {e.Message} Expected a WordPiece vocab.txt.", inner: e);
        }
    }

    /// <summary>The entry of an id, with ## where it continues a word.</summary>
    public string Entry(int id) => entries[id];

    /// <summary>Tokenizes a text, cut so that it has at most <paramref name="maxLength"/> ids with [CLS] and [SEP].</summary>
    public TokenizedText Tokenize(string text, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 2);

        // A UTF-16 unit gives at most three pieces (NFD of a Hangul syllable), so a short text needs no long buffer.
        var room = (int)Math.Min(maxLength, 3L * text.Length + 2);
        var ids = new int[room];
        var wordStart = new bool[room];
        var count = Tokenize(text, ids, wordStart);
        return new TokenizedText(ids[..count], [.. Enumerable.Range(0, count).Where(i => wordStart[i])]);
    }

    /// <summary>Tokenizes a text into the caller's memory, cut at its length; allocates nothing.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ids">Receives [CLS], pieces, [SEP]; at least 2 long. What follows the result is left as it was.</param>
    /// <param name="wordStart">As long as <paramref name="ids"/>: whether the piece begins a word.</param>
    /// <returns>Ids written.</returns>
    public int Tokenize(ReadOnlySpan<char> text, Span<int> ids, Span<bool> wordStart)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ids.Length, 2);
        ArgumentOutOfRangeException.ThrowIfNotEqual(wordStart.Length, ids.Length);
        var limit = ids.Length - 1;
        var count = 0;
        (ids[count], wordStart[count++]) = (ClsId, false);
        using var words = new BasicWords(text);
        while (count < limit && words.MoveNext())
            count += CutWord(words.Current, ids[count..limit], wordStart[count..limit]);
        (ids[count], wordStart[count++]) = (SepId, false);
        return count;
    }

    // Greedy, longest match first. A word whose end has no piece is [UNK] as a whole, even where its first pieces fit no more.
    private int CutWord(ReadOnlySpan<char> word, Span<int> ids, Span<bool> wordStart)
    {
        var count = 0;
        if (!IsTooLong(word))
        {
            for (var start = 0; start < word.Length;)
            {
                var lookup = start == 0 ? starts : continuations;
                var length = Math.Min(longestEntry, word.Length - start);
                int id;
                while (!lookup.TryGetValue(word.Slice(start, length), out id))
                {
                    if (--length == 0)
                        return WriteUnknown(ids, wordStart);
                }

                if (count < ids.Length)
                    (ids[count], wordStart[count++]) = (id, start == 0);
                start += length;
            }

            return count;
        }

        return WriteUnknown(ids, wordStart);
    }

    private int WriteUnknown(Span<int> ids, Span<bool> wordStart)
    {
        (ids[0], wordStart[0]) = (UnknownId, true);
        return 1;
    }

    private static bool IsTooLong(ReadOnlySpan<char> word)
    {
        if (word.Length <= MaxWordLength)
            return false;
        var length = 0;
        foreach (var _ in word.EnumerateRunes())
            length++;
        return length > MaxWordLength;
    }

    private static WordPieceTokenizer LoadEmbedded()
    {
        const string name = "KaleidoDist.Data.bert-base-uncased-vocab.txt";
        using var stream = typeof(WordPieceTokenizer).Assembly.GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return new WordPieceTokenizer(bytes, name);
    }
}
