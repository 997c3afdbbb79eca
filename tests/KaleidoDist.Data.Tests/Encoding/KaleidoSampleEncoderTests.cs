using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class KaleidoSampleEncoderTests
{
    private const int PatchLength = 3 * 16 * 16;
    private static readonly ModelConfig Model = ModelConfig.Preset("kaleido-tiny")!;
    private static readonly RowGroup Group = Drawn.Group(24);

    [Fact]
    public void TheSameKeysGiveTheSameSampleAndAnotherEpochAnother()
    {
        var one = Encode(Group, 3, epoch: 1);
        AssertEqual(one, 0, Encode(Group, 3, epoch: 1), 0);
        Assert.NotEqual(one.Patches, Encode(Group, 3, epoch: 2).Patches);
        Assert.NotEqual(one.InputIds, Encode(Group, 3, epoch: 2).InputIds);
        Assert.NotEqual(one.Patches, Encode(Group, 3, epoch: 1, seed: 43).Patches);
    }

    [Fact]
    public void ASampleIsTheSameAloneOrAmongOthersInAnySlotWithAnyCache()
    {
        foreach (var cacheBytes in new long[] { 0, 200_000, 32 << 20 })
        {
            var encoder = Encoder(cacheBytes: cacheBytes);
            var batch = Garbage(12);
            int[] rows = [7, 3, 11, 3, 20, 0, 23, 7, 1, 2, 9, 15];
            for (var slot = 0; slot < rows.Length; slot++)
                Assert.True(encoder.TryEncode(Group, rows[slot], 5, batch, slot));
            for (var slot = 0; slot < rows.Length; slot++)
                AssertEqual(batch, slot, Encode(Group, rows[slot], epoch: 5), 0);
        }
    }

    [Fact]
    public void EveryPatchIsTheCleanOneOrWhatItsLabelSays()
    {
        for (var row = 0; row < 24; row++)
        {
            for (var epoch = 0; epoch < 3; epoch++)
            {
                var batch = Encode(Group, row, epoch);
                var clean = Clean(Group.Rows[row]);

                var turned = new float[PatchLength];
                Rotation.Turn(Patch(clean, 1, 0), 16, (int)batch.RotationLabels[0], turned);
                Assert.Equal(turned, Patch(batch.Patches, 1, 0));

                var permutation = new int[4];
                Jigsaw.Permutation((int)batch.JigsawLabels[0], permutation);
                Assert.All(Enumerable.Range(0, 4), slot => Assert.Equal(Patch(clean, 2, permutation[slot]), Patch(batch.Patches, 2, slot)));

                AssertCleanBut([(int)batch.CamouflageLabels[0]], 3);
                AssertCleanBut(batch.GreyPositions.Select(p => (int)p), 4);
                AssertCleanBut(batch.BlankPositions.Select(p => (int)p), 5);
                foreach (var grey in batch.GreyPositions)
                {
                    var patch = Patch(clean, 4, (int)grey);
                    GreyPatch.Apply(patch);
                    Assert.Equal(patch, Patch(batch.Patches, 4, (int)grey));
                }

                Assert.All(batch.BlankPositions, blank => Assert.All(Patch(batch.Patches, 5, (int)blank), pixel => Assert.Equal(0, pixel)));
                Assert.True(batch.GreyPositions[0] < batch.GreyPositions[1]);
                Assert.True(batch.BlankPositions[0] < batch.BlankPositions[1] && batch.BlankPositions[1] < batch.BlankPositions[2]);

                void AssertCleanBut(IEnumerable<int> cells, int level) => Assert.Equal(
                    cells,
                    Enumerable.Range(0, level * level).Where(cell => !Patch(clean, level, cell).SequenceEqual(Patch(batch.Patches, level, cell))));
            }
        }
    }

    [Fact]
    public void TheCamouflagedPatchIsTheSameCellOfAnotherProduct()
    {
        var cleans = Group.Rows.Select(Clean).ToArray();
        var donors = new HashSet<int>();
        for (var row = 0; row < 24; row++)
        {
            var batch = Encode(Group, row, epoch: 4);
            var cell = (int)batch.CamouflageLabels[0];
            var patch = Patch(batch.Patches, 3, cell);
            var donor = Assert.Single(Enumerable.Range(0, 24), other => Patch(cleans[other], 3, cell).SequenceEqual(patch));
            Assert.NotEqual(row, donor);
            donors.Add(donor);
        }

        Assert.InRange(donors.Count, 10, 24);
    }

    [Fact]
    public void PositionsNeverTellWhatWasDone()
    {
        var expected = new float[PatchLevels.PatchCount * PatchNumbers.PositionSize];
        using var crop = Crop(Group.Rows[5]);
        KaleidoPatches.WritePositions(crop.Width, crop.Height, expected);
        for (var epoch = 0; epoch < 30; epoch++)
            Assert.Equal(expected, Encode(Group, 5, epoch).Positions);
    }

    [Fact]
    public void TargetsAreTheCleanPatchesStandardised()
    {
        var batch = Encode(Group, 8, epoch: 2);
        var clean = Clean(Group.Rows[8]);
        var expected = new float[768];
        for (var i = 0; i < 2; i++)
        {
            ReconstructionTarget.Standardize(Patch(clean, 4, (int)batch.GreyPositions[i]), expected);
            Assert.Equal(expected, batch.GreyTargets[(i * 768)..((i + 1) * 768)]);
        }

        for (var i = 0; i < 3; i++)
        {
            ReconstructionTarget.Standardize(Patch(clean, 5, (int)batch.BlankPositions[i]), expected);
            Assert.Equal(expected, batch.BlankTargets[(i * 768)..((i + 1) * 768)]);
        }
    }

    [Fact]
    public void TheTextIsTheOwnOrOneOfTheSameSubcategoryAndUnmaskingRestoresIt()
    {
        var matches = 0;
        var texts = Group.Rows.Select(row => Ids(row).ToArray()).ToArray();
        var encoder = Encoder();
        var batch = new MicroBatch(1, Model);
        for (var row = 0; row < 24; row++)
        {
            for (var epoch = 0; epoch < 20; epoch++)
            {
                Assert.True(encoder.TryEncode(Group, row, epoch, batch, 0));
                matches += (int)batch.MatchLabels[0];
                var source = Array.FindIndex(texts, text => text.SequenceEqual(Restore(batch)));
                Assert.Equal(batch.MatchLabels[0] == 1, source == row);
                Assert.Equal(row % 3, source % 3);

                var tokens = (int)batch.InputMask.Sum();
                Assert.Equal(1, batch.InputMask[tokens - 1]);
                var masked = (int)batch.MaskedWeightSum;
                Assert.InRange(masked, 1, AlignmentGuidedMasking.TokenBudget(tokens, 10));
                Assert.Equal(batch.MaskedPositions[..masked].Order(), batch.MaskedPositions[..masked]);
                Assert.All(batch.MaskedPositions[..masked], position => Assert.InRange(position, 1, tokens - 2));
            }
        }

        Assert.InRange(matches, 210, 270);
    }

    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(1.0, 0)]
    public void TheShareOfMismatchesIsTheOneAskedFor(double share, long label)
        => Assert.All(Enumerable.Range(0, 24), row => Assert.Equal(label, Encode(Group, row, 0, mismatchShare: share).MatchLabels[0]));

    [Fact]
    public void LabelsAreUniformOverTwoThousandDraws()
    {
        int[] rotation = new int[4], jigsaw = new int[24], camouflage = new int[9], match = new int[2], grey = new int[16], blank = new int[25];
        var encoder = Encoder();
        var batch = new MicroBatch(1, Model);
        for (var draw = 0; draw < 2_000; draw++)
        {
            Assert.True(encoder.TryEncode(Group, draw % 24, draw, batch, 0));
            rotation[batch.RotationLabels[0]]++;
            jigsaw[batch.JigsawLabels[0]]++;
            camouflage[batch.CamouflageLabels[0]]++;
            match[batch.MatchLabels[0]]++;
            foreach (var cell in batch.GreyPositions)
                grey[cell]++;
            foreach (var cell in batch.BlankPositions)
                blank[cell]++;
        }

        // Four standard deviations of the binomial; the draws are seeded, so the counts are exact and the test cannot flicker.
        AssertUniform(rotation, 2_000);
        AssertUniform(jigsaw, 2_000);
        AssertUniform(camouflage, 2_000);
        AssertUniform(match, 2_000);
        AssertUniform(grey, 4_000);
        AssertUniform(blank, 6_000);

        static void AssertUniform(int[] counts, int draws)
        {
            var share = 1.0 / counts.Length;
            var spread = 4 * Math.Sqrt(draws * share * (1 - share));
            Assert.Equal(draws, counts.Sum());
            Assert.All(counts, count => Assert.InRange(count, draws * share - spread, draws * share + spread));
        }
    }

    [Fact]
    public void AlignmentsOfTheOwnTextHideTheWordOrThePatch()
    {
        var row = Group.Rows[4] with { Alignments = [new Alignment(0, 1, 3, 2, 1)] };
        var group = new RowGroup(0, [row]);
        for (var epoch = 0; epoch < 60; epoch++)
        {
            var batch = Encode(group, 0, epoch);
            Assert.Equal(batch.CamouflageLabels[0] == 2, !batch.MaskedPositions.Contains(1));
        }
    }

    [Fact]
    public void AProductAloneMatchesAndIsCamouflagedByItsMirror()
    {
        // Two pictures of one product.
        var group = new RowGroup(0, [Group.Rows[0], Group.Rows[3] with { ProductId = Group.Rows[0].ProductId }]);
        for (var epoch = 0; epoch < 10; epoch++)
        {
            var batch = Encode(group, 1, epoch);
            Assert.Equal(1, batch.MatchLabels[0]);
            var cell = (int)batch.CamouflageLabels[0];
            var mirrored = new float[PatchLength];
            Camouflage.Mirror(Clean(group.Rows[1]).AsSpan(PatchLevels.Offset(3) * PatchLength, 9 * PatchLength), cell, 16, mirrored);
            Assert.Equal(mirrored, Patch(batch.Patches, 3, cell));
        }
    }

    [Fact]
    public void AProductOfTheSameTextIsNoMismatch()
    {
        var group = new RowGroup(0, [Group.Rows[0], Group.Rows[3] with { Text = Group.Rows[0].Text }]);
        Assert.Equal(1, Encode(group, 0, 0, mismatchShare: 1).MatchLabels[0]);
    }

    [Fact]
    public void WithoutANeighbourInTheSubcategoryTheTextComesFromAnyOtherProduct()
    {
        var group = new RowGroup(0, [Group.Rows[0], Group.Rows[1], Group.Rows[4]]);
        Assert.Equal(0, Encode(group, 0, 0, mismatchShare: 1).MatchLabels[0]);
    }

    [Fact]
    public void ARowWhosePictureOrTextCannotBeUsedIsRefused()
    {
        var group = new RowGroup(0, [Group.Rows[0] with { Image = new byte[] { 1, 2, 3 } }, Group.Rows[1] with { Text = " \t\u0301" }, Group.Rows[2]]);
        var encoder = Encoder();
        var batch = new MicroBatch(1, Model);
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(row => encoder.TryEncode(group, row, 0, batch, 0)));
    }

    [Fact]
    public void DonorsThatCannotBeUsedAreSkipped()
    {
        var bad = Group.Rows.Take(10).Select((row, i) => row with { Image = new byte[] { 1, (byte)i }, Text = "" });
        var group = new RowGroup(0, [.. bad, Group.Rows[12], Group.Rows[15]]);
        var batch = Encode(group, 10, 0, mismatchShare: 1);
        Assert.Equal(Ids(group.Rows[11]), Restore(batch));
        var cell = (int)batch.CamouflageLabels[0];
        Assert.Equal(Patch(Clean(group.Rows[11]), 3, cell), Patch(batch.Patches, 3, cell));
    }

    [Fact]
    public void ADonorThatLooksTheSameIsPassedOver()
    {
        var twins = Group.Rows.Skip(1).Take(3).Select(row => row with { Image = Group.Rows[0].Image });
        var group = new RowGroup(0, [Group.Rows[0], .. twins, Group.Rows[9]]);
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var batch = Encode(group, 0, epoch);
            var cell = (int)batch.CamouflageLabels[0];
            Assert.Equal(Patch(Clean(group.Rows[4]), 3, cell), Patch(batch.Patches, 3, cell));
        }
    }

    [Fact]
    public void EvaluationSeesTheSameSampleInEveryEpoch()
    {
        var encoder = new KaleidoSampleEncoder(new SampleEncoderOptions { Model = Model, Seed = 42, FixedEpoch = SampleEncoderOptions.EvaluationEpoch });
        MicroBatch first = new(1, Model), second = new(1, Model);
        Assert.True(encoder.TryEncode(Group, 6, 0, first, 0));
        Assert.True(encoder.TryEncode(Group, 6, 9, second, 0));
        AssertEqual(first, 0, second, 0);
        Assert.NotEqual(first.Patches, Encode(Group, 6, 0).Patches);
    }

    [Fact]
    public void AGivenForegroundBoxIsUsed()
    {
        var row = Group.Rows[0] with { ForegroundBox = [0, 0, 56, 112] };
        var batch = Encode(new RowGroup(0, [row]), 0, 0);
        var whole = Encode(Group, 0, 0);
        Assert.NotEqual(whole.Patches, batch.Patches);
        Assert.Equal((float)11 / 56, batch.Positions[PatchLevels.Offset(5) * 5 + 1]);
    }

    [Fact]
    public void OptionsThatFitNothingAreRefused()
    {
        var options = new SampleEncoderOptions { Model = Model, Seed = 1 };
        Assert.Contains("patch_encoder", Refusal(options with { Model = ModelConfig.Preset("kaleido-base")! }), StringComparison.Ordinal);
        Assert.Contains("30522", Refusal(options with { Model = Model with { VocabularySize = 1000 } }), StringComparison.Ordinal);
        Assert.Contains("NaN", Refusal(options with { MismatchShare = double.NaN }), StringComparison.Ordinal);

        static string Refusal(SampleEncoderOptions options) => Assert.Throws<KaleidoException>(() => new KaleidoSampleEncoder(options)).Message;
    }

    [Theory]
    [InlineData(PretrainTask.Mlm)]
    [InlineData(PretrainTask.Itm)]
    [InlineData(PretrainTask.Rotation)]
    [InlineData(PretrainTask.Jigsaw)]
    [InlineData(PretrainTask.Camouflage)]
    [InlineData(PretrainTask.Grey)]
    [InlineData(PretrainTask.Blank)]
    public void ATaskThatIsOffLeavesWhatItWouldCorruptAsItIs(PretrainTask off)
    {
        var options = new SampleEncoderOptions { Model = Model, Seed = 42, MismatchShare = 1, Tasks = TaskWeights.Of(task => task == off ? 0 : 1) };
        for (var row = 0; row < 12; row++)
        {
            var batch = Encode(options, row);
            var clean = Clean(Group.Rows[row]);
            for (var level = 1; level <= PatchLevels.Count; level++)
            {
                int[] changed = [.. Enumerable.Range(0, level * level).Where(cell => !Patch(clean, level, cell).SequenceEqual(Patch(batch.Patches, level, cell)))];
                if (level - 1 == off - PretrainTask.Rotation)
                    Assert.Empty(changed);
                else if (level >= 3)
                    Assert.Equal(level - 2, changed.Length);
            }

            Assert.Equal(off == PretrainTask.Itm ? 1 : 0, batch.MatchLabels[0]);
            if (off == PretrainTask.Itm)
                Assert.Equal(Ids(Group.Rows[row]), Restore(batch));
            if (off == PretrainTask.Mlm)
                Assert.DoesNotContain(WordPieceTokenizer.BertBaseUncased.MaskId, batch.InputIds);
            Assert.Equal(off == PretrainTask.Mlm, batch.MaskedWeightSum == 0);
        }
    }

    [Fact]
    public void WhatIsOffChangesNothingForTheOtherTasks()
    {
        var all = Encode(new SampleEncoderOptions { Model = Model, Seed = 42 }, 5);
        var some = Encode(new SampleEncoderOptions { Model = Model, Seed = 42, Tasks = new TaskWeights { Rotation = 0, Jigsaw = 0 } }, 5);
        Assert.Equal((all.MatchLabels[0], all.CamouflageLabels[0]), (some.MatchLabels[0], some.CamouflageLabels[0]));
        Assert.Equal(all.InputIds, some.InputIds);
        Assert.Equal(all.GreyPositions.Concat(all.BlankPositions), some.GreyPositions.Concat(some.BlankPositions));
    }

    [Fact]
    public void HiddenWordsOfAMismatchCountNothingWhereAskedForAndAreHiddenAllTheSame()
    {
        var options = new SampleEncoderOptions { Model = Model, Seed = 42, MismatchShare = 0.5 };
        var counts = new HashSet<(long Matches, bool Counts)>();
        for (var row = 0; row < 24; row++)
        {
            MicroBatch plain = Encode(options, row), left = Encode(options with { MaskMlmOnNegative = true }, row);
            Assert.Equal(plain.InputIds, left.InputIds);
            Assert.Equal(plain.MaskedPositions, left.MaskedPositions);
            Assert.True(plain.MaskedWeightSum > 0);
            Assert.Equal(left.MatchLabels[0] == 1 ? plain.MaskedWeightSum : 0, left.MaskedWeightSum);
            counts.Add((left.MatchLabels[0], left.MaskedWeightSum > 0));
        }

        Assert.Equal([(0, false), (1, true)], counts.Order());
    }

    [Fact]
    public void RandomMaskingIsThatOfAPictureWithoutAlignments()
    {
        var options = new SampleEncoderOptions { Model = Model, Seed = 42, MismatchShare = 0 };
        var aligned = new RowGroup(0, [.. Group.Rows.Select(row => row with { Alignments = [.. Enumerable.Range(0, 9).Select(patch => new Alignment(0, 1, 3, (sbyte)patch, 1))] })]);
        var bare = new RowGroup(0, [.. Group.Rows.Select(row => row with { Alignments = [] })]);
        MicroBatch random = Encode(options with { Masking = MaskingKind.Random }, 3, aligned), none = Encode(options, 3, bare);
        AssertEqual(none, 0, random, 0);
    }

    [Fact]
    public void AWholePictureIsCutWithoutItsBox()
    {
        var row = Group.Rows[0] with { ForegroundBox = [0, 0, 56, 112] };
        var batch = Encode(new SampleEncoderOptions { Model = Model, Seed = 42, Box = BoxKind.Whole, Tasks = new TaskWeights { Rotation = 0 } }, 0, new RowGroup(0, [row]));
        Assert.True(new PictureDecoder().TryDecode(row.Image.Span, int.MaxValue, out var picture, out _));
        using (picture)
        {
            var clean = new float[PatchLevels.PatchCount * PatchLength];
            KaleidoPatches.Cut(picture, 16, clean);
            Assert.Equal(Patch(clean, 1, 0), Patch(batch.Patches, 1, 0));
        }
    }

    [Fact]
    public void AGridOfEightHasSixtyFourPatchesOfWhichFiveAreBlank()
    {
        var model = Model with { PatchLayout = PatchLayoutKind.Grid8 };
        var encoder = new KaleidoSampleEncoder(new SampleEncoderOptions { Model = model, Seed = 42, Tasks = TaskWeights.Of(task => model.Patches.Has(task) ? 1 : 0), Box = BoxKind.Whole });
        var batch = new MicroBatch(1, model);
        Assert.True(encoder.TryEncode(Group, 4, 1, batch, 0));
        Assert.Equal((64 * PatchLength, 64 * PatchNumbers.PositionSize, 0, 5), (batch.Patches.Length, batch.Positions.Length, batch.GreyPositions.Length, batch.BlankPositions.Length));
        Assert.Equal(batch.BlankPositions.Distinct().Order(), batch.BlankPositions);

        Assert.True(new PictureDecoder().TryDecode(Group.Rows[4].Image.Span, int.MaxValue, out var picture, out _));
        using (picture)
        {
            var clean = new float[PatchLength];
            for (var cell = 0; cell < 64; cell++)
            {
                KaleidoPatches.CutCell(picture, 8, cell, 16, clean);
                Assert.Equal(batch.BlankPositions.Contains(cell) ? new float[PatchLength] : clean, batch.Patches[(cell * PatchLength)..((cell + 1) * PatchLength)]);
            }
        }

        Assert.Equal([7f / 8, 1, 7f / 8, 1, 1f / 64], batch.Positions[^PatchNumbers.PositionSize..]);
    }

    [Fact]
    public void ATaskWithoutPatchesIsRefused()
    {
        var options = new SampleEncoderOptions { Model = Model with { PatchLayout = PatchLayoutKind.Grid8 }, Seed = 1 };
        Assert.Contains("'rotation' has no patches in the layout", Assert.Throws<KaleidoException>(() => new KaleidoSampleEncoder(options)).Message, StringComparison.Ordinal);
    }

    private static MicroBatch Encode(SampleEncoderOptions options, int row, RowGroup? group = null)
    {
        var batch = Garbage(1);
        Assert.True(new KaleidoSampleEncoder(options).TryEncode(group ?? Group, row, 1, batch, 0));
        return batch;
    }

    private static KaleidoSampleEncoder Encoder(ulong seed = 42, double mismatchShare = 0.5, long cacheBytes = 32 << 20)
        => new(new SampleEncoderOptions { Model = Model, Seed = seed, MismatchShare = mismatchShare, CropCacheBytes = cacheBytes });

    private static MicroBatch Encode(RowGroup group, int row, long epoch, ulong seed = 42, double mismatchShare = 0.5)
    {
        var batch = Garbage(1);
        Assert.True(Encoder(seed, mismatchShare).TryEncode(group, row, epoch, batch, 0));
        return batch;
    }

    // What an earlier use of the micro-batch may have left.
    private static MicroBatch Garbage(int count)
    {
        var batch = new MicroBatch(count, Model);
        foreach (var values in Longs(batch))
            Array.Fill(values, 77);
        foreach (var values in Floats(batch))
            Array.Fill(values, 77);
        return batch;
    }

    private static void AssertEqual(MicroBatch expected, int expectedSlot, MicroBatch actual, int actualSlot)
    {
        Assert.All(Longs(expected).Zip(Longs(actual)), pair => Assert.Equal(Part(pair.First, expected, expectedSlot), Part(pair.Second, actual, actualSlot)));
        Assert.All(Floats(expected).Zip(Floats(actual)), pair => Assert.Equal(Part(pair.First, expected, expectedSlot), Part(pair.Second, actual, actualSlot)));

        static T[] Part<T>(T[] values, MicroBatch batch, int slot) => values[(values.Length / batch.Count * slot)..(values.Length / batch.Count * (slot + 1))];
    }

    private static long[][] Longs(MicroBatch batch) =>
    [
        batch.SampleIds, batch.InputIds, batch.InputMask, batch.MaskedPositions, batch.MaskedIds, batch.MatchLabels, batch.RotationLabels,
        batch.JigsawLabels, batch.CamouflageLabels, batch.GreyPositions, batch.BlankPositions,
    ];

    private static float[][] Floats(MicroBatch batch) => [batch.MaskedWeights, batch.Patches, batch.Positions, batch.GreyTargets, batch.BlankTargets];

    private static float[] Patch(float[] patches, int level, int cell)
    {
        var start = (PatchLevels.Offset(level) + cell) * PatchLength;
        return patches[start..(start + PatchLength)];
    }

    private static Picture Crop(RawRow row)
    {
        Assert.True(new PictureDecoder().TryDecode(row.Image.Span, int.MaxValue, out var picture, out _));
        using (picture)
            return picture.Crop(ForegroundBox.Find(picture));
    }

    private static float[] Clean(RawRow row)
    {
        using var crop = Crop(row);
        var clean = new float[PatchLevels.PatchCount * PatchLength];
        KaleidoPatches.Cut(crop, 16, clean);
        return clean;
    }

    private static IEnumerable<long> Ids(RawRow row) => WordPieceTokenizer.BertBaseUncased.Tokenize(row.Text, Model.TextLength).Ids.Select(id => (long)id);

    private static long[] Restore(MicroBatch batch)
    {
        var ids = batch.InputIds.ToArray();
        for (var i = 0; i < batch.MaskedIds.Length; i++)
        {
            if (batch.MaskedWeights[i] == 1)
                ids[batch.MaskedPositions[i]] = batch.MaskedIds[i];
        }

        return ids[..(int)batch.InputMask.Sum()];
    }
}
