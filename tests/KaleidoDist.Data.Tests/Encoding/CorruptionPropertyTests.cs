using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

/// <summary>What holds for every corruption of every sample, over random pictures, texts and annotations.</summary>
public sealed class CorruptionPropertyTests
{
    private const int GroupCount = 6, RowCount = 10, EpochCount = 5;
    private const int Side = 16, Plane = Side * Side, PatchLength = 3 * Plane;
    private static readonly ModelConfig Model = ModelConfig.Preset("kaleido-tiny")!;
    private static readonly RowGroup[] Groups = [.. Enumerable.Range(0, GroupCount).Select(group => RandomRows.Group((ulong)group, RowCount))];

    [Fact]
    public void PositionRowsAreThoseOfTheCleanGridWhateverTheLabels()
    {
        var seen = new HashSet<(long, long)>();
        ForEverySample((group, row, _, batch) =>
        {
            using var crop = Crop(group.Rows[row]);
            var canonical = new float[PatchLevels.PatchCount * PatchNumbers.PositionSize];
            KaleidoPatches.WritePositions(crop.Width, crop.Height, canonical);
            Assert.Equal(canonical, batch.Positions);
            seen.Add((batch.RotationLabels[0], batch.JigsawLabels[0]));
        });

        // All four rotations and all 24 puzzles were among the samples.
        Assert.Equal((4, 24), (seen.DistinctBy(s => s.Item1).Count(), seen.DistinctBy(s => s.Item2).Count()));
    }

    [Fact]
    public void RotationAndJigsawMoveNumbersAndChangeNone()
        => ForEverySample((group, row, _, batch) =>
        {
            var clean = Clean(group.Rows[row]);
            for (var channel = 0; channel < PatchLength; channel += Plane)
                Assert.Equal(Patch(clean, 1, 0)[channel..(channel + Plane)].Order(), Patch(batch.Patches, 1, 0)[channel..(channel + Plane)].Order());
            var permutation = new int[Jigsaw.PatchCount];
            Jigsaw.Permutation((int)batch.JigsawLabels[0], permutation);
            for (var slot = 0; slot < Jigsaw.PatchCount; slot++)
                Assert.Equal(Patch(clean, 2, permutation[slot]), Patch(batch.Patches, 2, slot));
        });

    [Fact]
    public void OutsideTheCorruptedSlotsEveryNumberIsTheCleanOne()
        => ForEverySample((group, row, _, batch) =>
        {
            var clean = Clean(group.Rows[row]);
            AssertCleanBut(3, batch.CamouflageLabels);
            AssertCleanBut(4, batch.GreyPositions);
            AssertCleanBut(5, batch.BlankPositions);

            void AssertCleanBut(int level, long[] corrupted)
            {
                Assert.Equal(corrupted.Distinct().Order(), corrupted);
                foreach (var cell in Enumerable.Range(0, PatchLevels.Size(level)).Where(cell => !corrupted.Contains(cell)))
                    Assert.Equal(Patch(clean, level, cell), Patch(batch.Patches, level, cell));
            }
        });

    [Fact]
    public void CamouflageTakesExactlyOnePatchAndItIsAnotherProducts()
        => ForEverySample((group, row, _, batch) =>
        {
            var cleans = group.Rows.Select(Clean).ToArray();
            var cell = Assert.Single(Enumerable.Range(0, 9), cell => !Patch(cleans[row], 3, cell).SequenceEqual(Patch(batch.Patches, 3, cell)));
            Assert.Equal(batch.CamouflageLabels[0], cell);
            var donor = Assert.Single(Enumerable.Range(0, RowCount), other => Patch(cleans[other], 3, cell).SequenceEqual(Patch(batch.Patches, 3, cell)));
            Assert.NotEqual(group.Rows[row].ProductId, group.Rows[donor].ProductId);
        });

    [Fact]
    public void TheTextShowsNothingOfAHiddenTokenButItsPosition()
    {
        var tokenizer = WordPieceTokenizer.BertBaseUncased;
        ForEverySample((group, row, _, batch) =>
        {
            var hidden = (int)batch.MaskedWeightSum;
            var tokens = (int)batch.InputMask.Sum();
            var text = group.Rows.Select(r => tokenizer.Tokenize(r.Text, Model.TextLength).Ids.Select(id => (long)id).ToArray())
                .Where((_, other) => other == row == (batch.MatchLabels[0] == 1))
                .ToList();
            var restored = batch.InputIds[..tokens];
            for (var i = 0; i < hidden; i++)
                restored[batch.MaskedPositions[i]] = batch.MaskedIds[i];
            Assert.Contains(text, ids => ids.SequenceEqual(restored));
            Assert.All(batch.InputIds[tokens..], id => Assert.Equal(tokenizer.PadId, id));
            Assert.All(batch.MaskedWeights[hidden..].Concat(batch.MaskedIds[hidden..].Select(id => (float)id)), padding => Assert.Equal(0, padding));
        });
    }

    [Fact]
    public void NeverAreAWordAndThePatchAlignedWithItBothHidden()
    {
        var pairs = 0;
        ForEverySample((group, row, _, batch) =>
        {
            if (batch.MatchLabels[0] == 0)
                return;
            var hidden = batch.MaskedPositions[..(int)batch.MaskedWeightSum];
            foreach (var pair in group.Rows[row].Alignments.Where(pair => pair.WordStart < pair.WordEnd && pair.WordEnd + 1 < batch.InputMask.Sum()))
            {
                var patches = pair.Level switch { 3 => batch.CamouflageLabels, 4 => batch.GreyPositions, 5 => batch.BlankPositions, _ => [] };
                Assert.False(patches.Contains(pair.Patch) && hidden.Any(position => position - 1 >= pair.WordStart && position - 1 < pair.WordEnd));
                pairs++;
            }
        });
        Assert.InRange(pairs, 100, int.MaxValue);
    }

    [Fact]
    public void TheSameKeysGiveTheSameBitsOnEveryEncoderInAnyOrderBatchAndSlot()
    {
        var expected = new Dictionary<(int Group, int Row), UInt128>();
        ForEverySample((group, row, epoch, batch) =>
        {
            if (epoch == 0)
                expected[((int)group.GroupIndex, row)] = EncodedSlot.Hash(batch, 0);
        });

        // Four ranks with their own encoder, caches of different sizes, and the samples dealt and ordered in their own way.
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, rank =>
        {
            var random = new KeyedRandom(9, RandomPurpose.Import, (ulong)rank);
            var encoder = Encoder(cropCacheBytes: rank * 300_000L);
            var samples = expected.Keys.Order().ToArray();
            random.Shuffle(samples.AsSpan());
            for (var start = 0; start < samples.Length;)
            {
                var members = samples.Skip(start).Take(1 + random.Next(7)).ToArray();
                var batch = new MicroBatch(members.Length, Model);
                for (var slot = 0; slot < members.Length; slot++)
                    Assert.True(encoder.TryEncode(Groups[members[slot].Group], members[slot].Row, 0, batch, slot));
                for (var slot = 0; slot < members.Length; slot++)
                    Assert.Equal(expected[members[slot]], EncodedSlot.Hash(batch, slot));
                start += members.Length;
            }
        });
    }

    [Fact]
    public void AnotherEpochAnotherSeedOrAnotherSampleGivesAnotherCorruption()
    {
        var corruptions = new List<string>();
        foreach (var seed in new ulong[] { 42, 43 })
        {
            // One picture and one text under two sample numbers: only the key tells them apart.
            var group = Groups[0] with { Rows = [.. Groups[0].Rows, Groups[0].Rows[0] with { SampleIndex = 999 }] };
            foreach (var row in new[] { 0, RowCount })
            {
                for (var epoch = 0; epoch < 20; epoch++)
                {
                    var batch = Encode(Encoder(seed), group, row, epoch);
                    corruptions.Add(string.Join(
                        ' ', batch.RotationLabels.Concat(batch.JigsawLabels).Concat(batch.CamouflageLabels).Concat(batch.GreyPositions).Concat(batch.BlankPositions)));
                }
            }
        }

        Assert.Equal(80, corruptions.Distinct().Count());
    }

    private static void ForEverySample(Action<RowGroup, int, int, MicroBatch> check)
    {
        var encoder = Encoder();
        foreach (var group in Groups)
        {
            for (var row = 0; row < RowCount; row++)
            {
                for (var epoch = 0; epoch < EpochCount; epoch++)
                    check(group, row, epoch, Encode(encoder, group, row, epoch));
            }
        }
    }

    private static KaleidoSampleEncoder Encoder(ulong seed = 42, long cropCacheBytes = 32 << 20)
        => new(new SampleEncoderOptions { Model = Model, Seed = seed, CropCacheBytes = cropCacheBytes });

    private static MicroBatch Encode(KaleidoSampleEncoder encoder, RowGroup group, int row, long epoch)
    {
        var batch = new MicroBatch(1, Model);
        Assert.True(encoder.TryEncode(group, row, epoch, batch, 0));
        return batch;
    }

    private static float[] Patch(float[] patches, int level, int cell)
    {
        var start = (PatchLevels.Offset(level) + cell) * PatchLength;
        return patches[start..(start + PatchLength)];
    }

    private static readonly Dictionary<RawRow, float[]> CleanPatches = new(ReferenceEqualityComparer.Instance);

    private static float[] Clean(RawRow row)
    {
        lock (CleanPatches)
        {
            if (CleanPatches.TryGetValue(row, out var clean))
                return clean;
            using var crop = Crop(row);
            clean = new float[PatchLevels.PatchCount * PatchLength];
            KaleidoPatches.Cut(crop, Side, clean);
            return CleanPatches[row] = clean;
        }
    }

    private static Picture Crop(RawRow row)
    {
        Assert.True(new PictureDecoder().TryDecode(row.Image.Span, KaleidoSampleEncoder.MinimumDecodedSide(Model), out var picture, out _));
        using (picture)
            return picture.Crop(ForegroundBox.Of(row.ForegroundBox, picture));
    }
}
