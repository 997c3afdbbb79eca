using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class BankSampleEncoderTests
{
    private const int F = BankFiles.FeatureSize;
    private static readonly ModelConfig Pixels = ModelConfig.Preset("kaleido-tiny")!;
    private static readonly ModelConfig Vectors = Pixels with { PatchEncoder = PatchEncoderKind.Bank, PatchFeatureSize = F };
    private static readonly RowGroup Pictures = Drawn.Group(8);
    private static readonly RowGroup Bank = BankFiles.Group(Pictures);

    [Fact]
    public void ItDecidesAsTheEncoderOfPixelsDoes()
    {
        // Rows with alignments too: they steer the masking.
        var pictures = Pictures with { Rows = [.. Pictures.Rows.Select((row, i) => i % 2 == 0 ? row : row with { Alignments = [new Alignment(0, 1, 3, 2, 1), new Alignment(2, 3, 5, 7, 1)] })] };
        var bank = BankFiles.Group(pictures);
        var fromPixels = new KaleidoSampleEncoder(Options(Pixels));
        var fromVectors = new BankSampleEncoder(Options(Vectors));
        MicroBatch expected = new(1, Pixels), actual = new(1, Vectors);
        for (var sample = 0; sample < 200; sample++)
        {
            var (row, epoch) = (sample % 8, sample / 8);
            Assert.True(fromPixels.TryEncode(pictures, row, epoch, expected, 0));
            Assert.True(fromVectors.TryEncode(bank, row, epoch, actual, 0));
            Assert.Equal(Decided(expected), Decided(actual));
            Assert.Equal(DonorOfPixels(expected, row), DonorOfVectors(actual));
        }

        static long[] Decided(MicroBatch batch) =>
        [
            .. batch.SampleIds, .. batch.InputIds, .. batch.InputMask, .. batch.MaskedPositions, .. batch.MaskedIds, .. batch.MaskedWeights.Select(w => (long)w),
            .. batch.MatchLabels, .. batch.RotationLabels, .. batch.JigsawLabels, .. batch.CamouflageLabels, .. batch.GreyPositions, .. batch.BlankPositions,
        ];
    }

    [Fact]
    public void EveryVectorIsTheCleanOneOrWhatItsLabelSays()
    {
        var encoder = new BankSampleEncoder(Options(Vectors));
        var batch = new MicroBatch(2, Vectors);
        var permutation = new int[4];
        for (var sample = 0; sample < 64; sample++)
        {
            var row = sample % 8;
            Array.Fill(batch.Patches, 77);
            Assert.True(encoder.TryEncode(Bank, row, sample, batch, 1));
            Jigsaw.Permutation((int)batch.JigsawLabels[1], permutation);
            var donor = DonorOfVectors(batch, 1);
            Assert.NotEqual(row, donor);

            for (var patch = 0; patch < PatchLevels.PatchCount; patch++)
            {
                var (owner, vector) = (row, patch);
                if (patch == 0)
                    vector = BankLayout.Rotation((int)batch.RotationLabels[1]);
                else if (patch < 5)
                    vector = BankLayout.Clean(2, permutation[patch - 1]);
                else if (patch == BankLayout.Clean(3, (int)batch.CamouflageLabels[1]))
                    owner = donor;
                else if (batch.GreyPositions[2..].Contains(patch - BankLayout.Clean(4, 0)) && patch < BankLayout.Clean(5, 0))
                    vector = BankLayout.Grey(patch - BankLayout.Clean(4, 0));
                Assert.Equal(BankFiles.Vector(owner, vector), Patch(batch, 1, patch));
            }

            for (var i = 0; i < 2; i++)
                Assert.Equal(BankFiles.Vector(row, BankLayout.Clean(4, (int)batch.GreyPositions[2 + i])), batch.GreyTargets[((2 + i) * F)..((3 + i) * F)]);
            Assert.Equal(Bank.Rows[row].Vectors!.Positions, batch.Positions[275..]);
        }

        Assert.Empty(batch.BlankTargets);
        Assert.All(batch.Patches[..(55 * F)], value => Assert.Equal(77, value));
    }

    [Fact]
    public void ADonorOfTheSameVectorIsPassedOver()
    {
        var twins = Enumerable.Range(1, 3).Select(i => Bank.Rows[i] with { Vectors = Bank.Rows[0].Vectors });
        var group = new RowGroup(0, [Bank.Rows[0], .. twins, Bank.Rows[5]]);
        var encoder = new BankSampleEncoder(Options(Vectors));
        var batch = new MicroBatch(1, Vectors);
        for (var epoch = 0; epoch < 20; epoch++)
        {
            Assert.True(encoder.TryEncode(group, 0, epoch, batch, 0));
            Assert.Equal(5, DonorOfVectors(batch));
        }
    }

    [Fact]
    public void AProductAloneIsCamouflagedByAnotherCellOfItsOwn()
    {
        var encoder = new BankSampleEncoder(Options(Vectors));
        var batch = new MicroBatch(1, Vectors);
        Assert.True(encoder.TryEncode(new RowGroup(0, [Bank.Rows[3]]), 0, 0, batch, 0));
        var cell = (int)batch.CamouflageLabels[0];
        Assert.Equal(BankFiles.Vector(3, BankLayout.Clean(3, (cell + 1) % 9)), Patch(batch, 0, BankLayout.Clean(3, cell)));
    }

    [Fact]
    public void ATextWithoutAWordIsRefusedAndVectorsOfAnotherSizeAreAnError()
    {
        var group = new RowGroup(0, [Bank.Rows[0] with { Text = " \t" }, Bank.Rows[1]]);
        Assert.False(new BankSampleEncoder(Options(Vectors)).TryEncode(group, 0, 0, new MicroBatch(1, Vectors), 0));

        var wide = Vectors with { PatchFeatureSize = 32 };
        var error = Assert.Throws<KaleidoException>(() => new BankSampleEncoder(Options(wide)).TryEncode(group, 1, 0, new MicroBatch(1, wide), 0));
        Assert.StartsWith("Sample 1 has 2,368 bytes of patch vectors; expected 4,736, 74 vectors of 32. Set model.patch_feature_size", error.Message, StringComparison.Ordinal);
        Assert.Throws<KaleidoException>(() => new BankSampleEncoder(Options(Pixels)));
    }

    private static SampleEncoderOptions Options(ModelConfig model) => new() { Model = model, Seed = 42 };

    private static float[] Patch(MicroBatch batch, int slot, int patch) => batch.Patches[(((slot * 55) + patch) * F)..(((slot * 55) + patch + 1) * F)];

    // The first element of a vector tells its sample.
    private static int DonorOfVectors(MicroBatch batch, int slot = 0)
        => (int)Patch(batch, slot, BankLayout.Clean(3, (int)batch.CamouflageLabels[slot]))[0] / 128;

    private static int DonorOfPixels(MicroBatch batch, int row)
    {
        var length = KaleidoPatches.PatchLength(Pixels.CellSide);
        var cell = (int)batch.CamouflageLabels[0];
        var patch = batch.Patches.AsSpan(BankLayout.Clean(3, cell) * length, length).ToArray();
        return Assert.Single(Enumerable.Range(0, 8), other => other != row && Cell(other).SequenceEqual(patch));

        float[] Cell(int other)
        {
            var cut = new float[length];
            using var crop = Crop(Pictures.Rows[other]);
            KaleidoPatches.CutCell(crop, 3, cell, Pixels.CellSide, cut);
            return cut;
        }
    }

    private static Picture Crop(RawRow row)
    {
        Assert.True(new PictureDecoder().TryDecode(row.Image.Span, KaleidoSampleEncoder.MinimumDecodedSide(Pixels), out var picture, out _));
        using (picture)
            return picture.Crop(ForegroundBox.Of(row.ForegroundBox, picture));
    }
}
