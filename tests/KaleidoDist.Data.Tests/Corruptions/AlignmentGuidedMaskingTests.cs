using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class AlignmentGuidedMaskingTests
{
    [Theory]
    [InlineData(3, 1)]
    [InlineData(9, 1)]
    [InlineData(10, 2)]
    [InlineData(30, 5)]
    [InlineData(63, 9)]
    [InlineData(64, 10)]
    [InlineData(200, 10)]
    public void TheBudgetIsFifteenPercentOfTheTokens(int tokens, int expected) => Assert.Equal(expected, AlignmentGuidedMasking.TokenBudget(tokens, 10));

    [Fact]
    public void RandomTextsAndAlignmentsKeepEveryRule()
    {
        for (var round = 0; round < 3_000; round++)
        {
            var random = new KeyedRandom(11, RandomPurpose.Import, (ulong)round);
            var wordStart = Text(ref random);
            var alignments = Alignments(ref random, wordStart.Length, random.Next(3) switch { 0 => 0, 1 => random.Next(8), _ => random.Next(150) });
            var masking = Choose(round, wordStart, alignments);

            Assert.Equal([0, 0, 0, 1, 2, 3], Enumerable.Range(0, 6).Select(level => level == 0 ? 0 : HiddenOnLevel(masking, level)));
            var hidden = masking.HiddenTokens.Count(true);
            Assert.InRange(hidden, 0, AlignmentGuidedMasking.TokenBudget(wordStart.Length, 10));
            Assert.False(masking.HiddenTokens[0] || masking.HiddenTokens[wordStart.Length - 1]);
            Assert.Equal(-1, masking.HiddenTokens[wordStart.Length..].IndexOf(true));
            if (alignments.Count == 0)
                Assert.InRange(hidden, 1, 10);
            foreach (var pair in alignments.Where(pair => IsInside(pair, wordStart.Length)))
            {
                var wordHidden = masking.HiddenTokens[(1 + pair.WordStart)..(1 + pair.WordEnd)].Contains(true);
                Assert.False(wordHidden && masking.HiddenPatches[PatchLevels.Offset(pair.Level) + pair.Patch]);
            }
        }
    }

    [Fact]
    public void WordsOfOnePieceFillTheWholeBudget()
    {
        for (var round = 0; round < 200; round++)
        {
            var tokens = 3 + round % 62;
            var wordStart = Enumerable.Range(0, tokens).Select(i => i > 0 && i < tokens - 1).ToArray();
            Assert.Equal(AlignmentGuidedMasking.TokenBudget(tokens, 10), Choose(round, wordStart, []).HiddenTokens.Count(true));
        }
    }

    [Fact]
    public void WordsAreHiddenWhole()
    {
        for (var round = 0; round < 500; round++)
        {
            // Words of two pieces, and a budget of ten.
            var wordStart = Enumerable.Range(0, 64).Select(i => i % 2 == 1 && i < 63).ToArray();
            var masking = Choose(round, wordStart, []);
            Assert.Equal(10, masking.HiddenTokens.Count(true));
            for (var start = 1; start < 63; start += 2)
                Assert.Equal(masking.HiddenTokens[start], masking.HiddenTokens[start + 1]);
        }
    }

    [Fact]
    public void OfATextOfOneLongWordSinglePiecesAreHidden()
    {
        var wordStart = new bool[22];
        wordStart[1] = true;
        Assert.Equal(3, Choose(1, wordStart, []).HiddenTokens.Count(true));
    }

    [Fact]
    public void APairHidesItsWordOrItsPatchAboutEvenly()
    {
        int words = 0, patches = 0;
        var wordStart = Enumerable.Range(0, 40).Select(i => i is > 0 and < 39).ToArray();
        for (var round = 0; round < 2_000; round++)
        {
            var masking = Choose(round, wordStart, [new Alignment(4, 5, 3, 7, 1)]);
            words += masking.HiddenTokens[5] ? 1 : 0;
            patches += masking.HiddenPatches[PatchLevels.Offset(3) + 7] ? 1 : 0;
        }

        Assert.Equal(2_000, words + patches);
        Assert.InRange(words, 930, 1_070);
    }

    [Fact]
    public void AnAlignmentWithPartOfAWordCoversTheWord()
    {
        var wordStart = Enumerable.Range(0, 40).Select(i => i is > 0 and < 39 && i % 3 == 1).ToArray();
        var hiddenWhole = 0;
        for (var round = 0; round < 200; round++)
        {
            var masking = Choose(round, wordStart, [new Alignment(4, 5, 4, 7, 1)]);
            if (masking.HiddenTokens[5])
                hiddenWhole += masking.HiddenTokens[4] && masking.HiddenTokens[6] ? 1 : -1000;
        }

        Assert.InRange(hiddenWhole, 70, 130);
    }

    [Fact]
    public void PatchesGetTheirNumberEvenWhenEveryWordIsAlignedWithAllOfThem()
    {
        var alignments = new List<Alignment>();
        for (short word = 0; word < 5; word++)
        {
            for (sbyte patch = 0; patch < 9; patch++)
                alignments.Add(new Alignment(word, (short)(word + 1), 3, patch, 1));
        }

        var wordStart = Enumerable.Range(0, 7).Select(i => i is > 0 and < 6).ToArray();
        for (var round = 0; round < 100; round++)
        {
            var masking = Choose(round, wordStart, alignments);
            Assert.Equal(1, HiddenOnLevel(masking, 3));
            Assert.Equal(0, masking.HiddenTokens.Count(true));
        }
    }

    private static AlignmentGuidedMasking Choose(int sample, bool[] wordStart, IReadOnlyList<Alignment> alignments)
    {
        var masking = new AlignmentGuidedMasking(64, 10);
        var random = new SampleKey(5, 0, sample).For(CorruptionStream.Masking);
        masking.Choose(ref random, wordStart, alignments);
        return masking;
    }

    private static int HiddenOnLevel(AlignmentGuidedMasking masking, int level)
        => masking.HiddenPatches.Slice(PatchLevels.Offset(level), PatchLevels.Size(level)).Count(true);

    private static bool[] Text(ref KeyedRandom random)
    {
        var wordStart = new bool[3 + random.Next(62)];
        for (var i = 1; i < wordStart.Length - 1; i++)
            wordStart[i] = i == 1 || random.Next(4) > 0;
        return wordStart;
    }

    // Some lie outside the text, the levels or the grid.
    private static List<Alignment> Alignments(ref KeyedRandom random, int tokens, int count)
    {
        var result = new List<Alignment>();
        for (var i = 0; i < count; i++)
        {
            var start = random.Next(tokens + 2) - 1;
            result.Add(new Alignment((short)start, (short)(start + random.Next(4)), (sbyte)random.Next(7), (sbyte)(random.Next(27) - 1), 1));
        }

        return result;
    }

    private static bool IsInside(Alignment pair, int tokens) => pair.Level is >= 3 and <= 5 && pair.Patch >= 0 && pair.Patch < pair.Level * pair.Level
        && pair.WordStart >= 0 && pair.WordStart < pair.WordEnd && pair.WordEnd + 1 < tokens;
}
