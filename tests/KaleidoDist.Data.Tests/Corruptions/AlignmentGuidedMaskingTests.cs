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
            Assert.False(masking.HiddenTokens[0] || masking.HiddenTokens[wordStart.Length - 1]);
            Assert.Equal(-1, masking.HiddenTokens[wordStart.Length..].IndexOf(true));
            foreach (var pair in alignments.Where(pair => IsInside(pair, wordStart.Length)))
            {
                var wordHidden = masking.HiddenTokens[(1 + pair.WordStart)..(1 + pair.WordEnd)].Contains(true);
                Assert.False(wordHidden && masking.HiddenPatches[PatchLevels.Offset(pair.Level) + pair.Patch]);
            }

            AssertTheBudgetIsUsedUp(masking, wordStart, alignments);
        }
    }

    // Whole words until none fits that is not aligned with a hidden patch; single pieces only where no whole word could be hidden.
    private static void AssertTheBudgetIsUsedUp(AlignmentGuidedMasking masking, bool[] wordStart, List<Alignment> alignments)
    {
        var budget = AlignmentGuidedMasking.TokenBudget(wordStart.Length, 10);
        var hidden = masking.HiddenTokens.Count(true);
        Assert.InRange(hidden, 0, budget);
        var words = Words(wordStart);
        var free = words.Where(word => !alignments.Exists(pair => IsInside(pair, wordStart.Length)
            && 1 + pair.WordStart < word.End && word.Start < 1 + pair.WordEnd
            && masking.HiddenPatches[PatchLevels.Offset(pair.Level) + pair.Patch])).ToList();
        var partly = words.Where(word => masking.HiddenTokens[word.Start..word.End].Contains(true) && masking.HiddenTokens[word.Start..word.End].Contains(false));
        if (partly.Any())
        {
            Assert.All(free, word => Assert.InRange(word.End - word.Start, budget + 1, int.MaxValue));
            Assert.Equal(Math.Min(budget, free.Sum(word => word.End - word.Start)), hidden);
        }
        else
        {
            Assert.All(
                free.Where(word => !masking.HiddenTokens[word.Start]),
                word => Assert.InRange(word.End - word.Start, budget - hidden + 1, int.MaxValue));
        }
    }

    private static List<(int Start, int End)> Words(bool[] wordStart)
    {
        var starts = Enumerable.Range(1, wordStart.Length - 2).Where(i => wordStart[i]).ToList();
        return [.. starts.Select((start, i) => (start, i + 1 < starts.Count ? starts[i + 1] : wordStart.Length - 1))];
    }

    private static bool[] OnePieceWords(int tokens) => [.. Enumerable.Range(0, tokens).Select(i => i > 0 && i < tokens - 1)];

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

    // 2,000 fair coins stay within 70 of 1,000 but once in 600 seeds; this seed is fixed, so the test cannot flicker.
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void APairFlipsAFairCoinBetweenItsWordAndItsPatch(sbyte level)
    {
        int words = 0, patches = 0;
        var wordStart = OnePieceWords(40);
        for (var round = 0; round < 2_000; round++)
        {
            var masking = Choose(round, wordStart, [new Alignment(4, 5, level, 7, 1)]);
            words += masking.HiddenTokens[5] ? 1 : 0;
            patches += masking.HiddenPatches[PatchLevels.Offset(level) + 7] ? 1 : 0;
        }

        Assert.Equal(2_000, words + patches);
        Assert.InRange(words, 930, 1_070);
    }

    /// <summary>
    /// A word can be hidden exactly when each level has its 1, 2 or 3 patches outside the word's own. Both sides of a pair are never
    /// hidden, because the text gives way.
    /// </summary>
    [Theory]
    [InlineData(3, 8, true)]
    [InlineData(3, 9, false)]
    [InlineData(4, 14, true)]
    [InlineData(4, 15, false)]
    [InlineData(5, 22, true)]
    [InlineData(5, 23, false)]
    public void AWordCanBeHiddenExactlyWhenEnoughPatchesOfEachLevelAreNotItsOwn(sbyte level, int alignedPatches, bool possible)
    {
        var alignments = Enumerable.Range(0, alignedPatches).Select(patch => new Alignment(0, 1, level, (sbyte)patch, 1)).ToList();
        var hidden = 0;
        for (var round = 0; round < 300; round++)
        {
            var masking = Choose(round, OnePieceWords(3), alignments);
            Assert.Equal([1, 2, 3], new[] { 3, 4, 5 }.Select(l => HiddenOnLevel(masking, l)));
            hidden += masking.HiddenTokens.Count(true);
        }

        Assert.Equal(possible, hidden > 0);
    }

    [Fact]
    public void WithoutAlignmentsEveryWordIsHiddenAsOftenAsAnyOtherAndBadAlignmentsChangeNothing()
    {
        const int rounds = 4_000, words = 38, budget = 6;
        var counts = new int[words + 2];
        var wordStart = OnePieceWords(words + 2);
        for (var round = 0; round < rounds; round++)
        {
            var masking = Choose(round, wordStart, []);
            for (var position = 0; position < counts.Length; position++)
                counts[position] += masking.HiddenTokens[position] ? 1 : 0;
            var ignored = Choose(round, wordStart, [new Alignment(0, 1, 2, 1, 1), new Alignment(37, 39, 3, 1, 1), new Alignment(3, 3, 4, 1, 1)]);
            Assert.Equal(masking.HiddenTokens, ignored.HiddenTokens);
            Assert.Equal(masking.HiddenPatches, ignored.HiddenPatches);
        }

        const double share = (double)budget / words;
        var spread = 4 * Math.Sqrt(rounds * share * (1 - share));
        Assert.Equal((0, 0), (counts[0], counts[^1]));
        Assert.All(counts[1..^1], count => Assert.InRange(count, rounds * share - spread, rounds * share + spread));
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
