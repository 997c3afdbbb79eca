using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class CorruptionTests
{
    private const int Side = 4, Length = 3 * Side * Side;

    [Fact]
    public void AQuarterTurnMovesTheTopRightCornerToTheTopLeft()
    {
        var patch = new float[12];
        var turned = new float[12];
        for (var i = 0; i < 12; i++)
            patch[i] = i;
        Rotation.Turn(patch, 2, 1, turned);
        Assert.Equal([1, 3, 0, 2, 5, 7, 4, 6, 9, 11, 8, 10], turned);
    }

    [Fact]
    public void FourQuarterTurnsAreNone()
    {
        var patch = Numbers(Length);
        for (var turns = 0; turns < 4; turns++)
        {
            float[] once = new float[Length], back = new float[Length];
            Rotation.Turn(patch, Side, turns, once);
            Rotation.Turn(once, Side, (4 - turns) % 4, back);
            Assert.Equal(patch, back);
            Assert.Equal(turns == 0, patch.SequenceEqual(once));
        }
    }

    [Fact]
    public void RanksAreTheLexicographicOrderOfPermutations()
    {
        var previous = -1;
        var permutation = new int[4];
        for (var rank = 0; rank < 24; rank++)
        {
            Jigsaw.Permutation(rank, permutation);
            Assert.Equal([0, 1, 2, 3], permutation.Order());
            var asNumber = permutation.Aggregate(0, (number, digit) => 10 * number + digit);
            Assert.True(asNumber > previous);
            previous = asNumber;
            Assert.Equal(rank, Jigsaw.Rank(permutation));
        }

        Jigsaw.Permutation(0, permutation);
        Assert.Equal([0, 1, 2, 3], permutation);
        Jigsaw.Permutation(9, permutation);
        Assert.Equal([1, 2, 3, 0], permutation);
    }

    [Fact]
    public void SlotHoldsTheOriginalPatchThatThePermutationNames()
    {
        float[] patches = [0, 0, 1, 1, 2, 2, 3, 3];
        var permuted = new float[8];
        Jigsaw.Permute(patches, 9, permuted);
        Assert.Equal([1, 1, 2, 2, 3, 3, 0, 0], permuted);
    }

    [Fact]
    public void GreyIsTheLumaInAllChannels()
    {
        float[] patch = [1, -1, -1, 1, -1, -1];
        GreyPatch.Apply(patch);
        Assert.Equal([0.299f - 0.587f - 0.114f, -0.299f + 0.587f - 0.114f], patch[..2], Close);
        Assert.Equal(patch[..2], patch[2..4]);
        Assert.Equal(patch[..2], patch[4..]);
    }

    [Fact]
    public void TheMirroredCellIsTheOppositeOneReversed()
    {
        var patches = Numbers(9 * Length);
        var mirrored = new float[Length];
        Camouflage.Mirror(patches, 3, Side, mirrored);
        Assert.Equal(patches[(5 * Length)..(5 * Length + Side)].Reverse(), mirrored[..Side]);
        Camouflage.Mirror(patches, 4, Side, mirrored);
        Assert.Equal(patches[(5 * Length - Side)..(5 * Length)].Reverse(), mirrored[^Side..]);
    }

    [Fact]
    public void ATargetHasZeroMeanAndUnitDeviation()
    {
        var target = new float[ReconstructionTarget.Length];
        ReconstructionTarget.Standardize(Numbers(ReconstructionTarget.Length), target);
        Assert.Equal(0, target.Average(value => (double)value), 1e-6);
        Assert.Equal(1, target.Average(value => (double)value * value), 1e-5);
    }

    [Fact]
    public void NoiseOnAFlatPatchIsNotBlownUp()
    {
        var target = new float[ReconstructionTarget.Length];
        ReconstructionTarget.Standardize(Enumerable.Repeat(0.7f, ReconstructionTarget.Length).ToArray(), target);
        Assert.All(target, value => Assert.Equal(0, value, 1e-4f));

        var oneLevel = Enumerable.Range(0, ReconstructionTarget.Length).Select(i => i % 2 * 2f / 255).ToArray();
        ReconstructionTarget.Standardize(oneLevel, target);
        Assert.All(target, value => Assert.Equal(0.25f, Math.Abs(value), 1e-4f));
    }

    [Fact]
    public void PatchesThatLookTheSameDoNotDiffer()
    {
        var white = Enumerable.Repeat(1f, Length).ToArray();
        Assert.False(Camouflage.Differs(white, white));
        Assert.False(Camouflage.Differs(white, [.. white.Select(value => value - 0.01f)]));
        Assert.True(Camouflage.Differs(white, [.. white.Select(value => value - 0.03f)]));
    }

    [Fact]
    public void HiddenTokensAreEightTenthsMaskOneTenthRandomOneTenthKept()
    {
        const int draws = 20_000;
        var tokenizer = WordPieceTokenizer.BertBaseUncased;
        var random = new SampleKey(1, 2, 3).For(CorruptionStream.Tokens);
        int masked = 0, kept = 0, other = 0;
        long[] ids = new long[10], positions = new long[10], originals = new long[10];
        var weights = new float[10];
        for (var round = 0; round < draws / 10; round++)
        {
            Array.Fill(ids, 2000);
            TokenMasking.Apply(ref random, tokenizer, Enumerable.Repeat(true, 10).ToArray(), ids, positions, originals, weights);
            Assert.All(originals, id => Assert.Equal(2000, id));
            masked += ids.Count(id => id == tokenizer.MaskId);
            kept += ids.Count(id => id == 2000);
            other += ids.Count(id => id is not 2000 && id != tokenizer.MaskId);
        }

        Assert.Equal(draws, masked + kept + other);
        Assert.InRange(masked, 15_800, 16_200);
        Assert.InRange(kept, 1_850, 2_150);
        Assert.InRange(other, 1_850, 2_150);
    }

    [Fact]
    public void SlotsBehindTheHiddenTokensAreCleared()
    {
        var random = new SampleKey(1, 2, 3).For(CorruptionStream.Tokens);
        long[] ids = [101, 2000, 2001, 102], positions = [9, 9, 9], originals = [9, 9, 9];
        float[] weights = [9, 9, 9];
        TokenMasking.Apply(ref random, WordPieceTokenizer.BertBaseUncased, [false, false, true, false], ids, positions, originals, weights);
        Assert.Equal([2, 0, 0], positions);
        Assert.Equal([2001, 0, 0], originals);
        Assert.Equal([1, 0, 0], weights);
    }

    [Fact]
    public void StreamsOfASampleAreIndependentAndStartAnew()
    {
        var key = new SampleKey(1, 2, 3);
        var first = Enum.GetValues<CorruptionStream>().Select(stream => key.For(stream).NextUInt64()).ToArray();
        Assert.Equal(first.Length, first.Distinct().Count());
        Assert.Equal(first, Enum.GetValues<CorruptionStream>().Select(stream => key.For(stream).NextUInt64()));
    }

    private static bool Close(float a, float b) => Math.Abs(a - b) < 1e-6;

    private static float[] Numbers(int count)
    {
        var random = new KeyedRandom(7, RandomPurpose.Import);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(2 * random.NextDouble() - 1))];
    }
}
