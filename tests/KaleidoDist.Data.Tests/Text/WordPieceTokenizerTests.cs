using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class WordPieceTokenizerTests
{
    private static readonly WordPieceTokenizer Bert = WordPieceTokenizer.BertBaseUncased;

    [Fact]
    public void EveryGoldenTextHasItsGoldenIds()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Text", "wordpiece.json")));
        Assert.Equal(49, golden.RootElement.GetArrayLength());
        foreach (var entry in golden.RootElement.EnumerateArray())
        {
            var text = entry.GetProperty("text").GetString()!;
            var expected = entry.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
            Assert.True(expected.SequenceEqual(Bert.Tokenize(text, int.MaxValue).Ids), $"'{text}' has other ids");
        }
    }

    [Fact]
    public void TheEmbeddedVocabularyIsTheOneItsNoteNames()
    {
        Assert.Equal("07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", Bert.VocabularySha256);
        Assert.Equal(30_522, Bert.VocabularySize);
        Assert.Equal((0, 100, 101, 102, 103), (Bert.PadId, Bert.UnknownId, Bert.ClsId, Bert.SepId, Bert.MaskId));
    }

    [Fact]
    public void WordStartsPointAtTheFirstPieceOfEachWord()
    {
        var text = Bert.Tokenize("Denim jackets, zigzagging", 64);
        Assert.Equal(["[CLS]", "denim", "jackets", ",", "z", "##ig", "##za", "##gging", "[SEP]"], text.Ids.Select(Bert.Entry));
        Assert.Equal([1, 2, 3, 4], text.WordStarts);
    }

    [Fact]
    public void ALongTextIsCutAtTheLimitAndStillEndsWithSep()
    {
        var whole = Bert.Tokenize(string.Join(' ', Enumerable.Repeat("zigzagging", 50)), 1000);
        var cut = Bert.Tokenize(string.Join(' ', Enumerable.Repeat("zigzagging", 50)), 9);
        Assert.Equal(202, whole.Ids.Count);
        Assert.Equal([.. whole.Ids.Take(8), Bert.SepId], cut.Ids);
        Assert.Equal([1, 5], cut.WordStarts);
    }

    [Fact]
    public void TheShortestLimitLeavesClsAndSep() => Assert.Equal([101, 102], Bert.Tokenize("a dress", 2).Ids);

    [Theory]
    [InlineData("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2")]
    [InlineData("\u03a3\u03a3.\u0005\u03a3", "\u03c3\u03c3|.|\u03c2")]
    [InlineData("\u03a3", "\u03c3")]
    [InlineData("a\u03a3\u24d8", "a\u03c3\u24d8")]
    [InlineData("\u0130\u212a", "ik")]
    public void LetterCaseFollowsItsPlaceInTheWord(string text, string expected)
    {
        var found = new List<string>();
        using var words = new BasicWords(text);
        while (words.MoveNext())
            found.Add(words.Current.ToString());
        Assert.Equal(expected, string.Join('|', found));
    }

    [Fact]
    public void LoneSurrogatesVanish() => Assert.Equal(Bert.Tokenize("ab", 9).Ids, Bert.Tokenize("a\ud83db\udc00", 9).Ids);

    [Fact]
    public void TokenizingAsciiAllocatesNothing()
    {
        var ids = new int[64];
        var starts = new bool[64];
        const string text = "Long sleeve cotton-blend T-shirt; crewneck collar & ribbed cuffs (blue/navy).";
        Bert.Tokenize(text, ids, starts);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Bert.Tokenize(text, ids, starts);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void AVocabularyFileGivesIdsByLine()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nred\n##der\n");
        try
        {
            var tokenizer = WordPieceTokenizer.FromVocabulary(path);
            Assert.Equal([2, 5, 6, 1, 3], tokenizer.Tokenize("Redder blue", 64).Ids);
            Assert.Equal(7, tokenizer.VocabularySize);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\n", "has 5 entries and no [MASK]")]
    [InlineData("[PAD]\nred\nred\n", "Line 3")]
    [InlineData("[PAD]\n\nred\n", "Line 2")]
    public void AFileThatIsNoVocabularyIsRefusedByName(string content, string expected)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, content);
        try
        {
            var error = Assert.Throws<KaleidoException>(() => WordPieceTokenizer.FromVocabulary(path));
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AMissingVocabularyIsOneLineWithItsPath()
        => Assert.Contains("/nowhere/vocab.txt", Assert.Throws<KaleidoException>(() => WordPieceTokenizer.FromVocabulary("/nowhere/vocab.txt")).Message, StringComparison.Ordinal);

    [Fact]
    public void ARuntimeThatDoesNotDecomposeIsRefused()
    {
        IcuCheck.Verify();
        Assert.Contains("ICU", Assert.Throws<KaleidoException>(() => IcuCheck.Verify(text => text)).Message, StringComparison.Ordinal);
        Assert.Throws<KaleidoException>(() => IcuCheck.Verify(_ => throw new PlatformNotSupportedException()));
    }
}
