using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class BankFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly RawRow[] rows = [.. Drawn.Group(5).Rows.Select(BankFiles.Row)];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task WhatIsWrittenIsReadBack()
    {
        RawRow[] written =
        [
            rows[0] with { SampleId = 70, ImageId = "a", ForegroundBox = [1, 2, 30, 40], Alignments = [new Alignment(1, 2, 3, 4, 0.5f), new Alignment(5, 7, 5, 24, -1)] },
            rows[1] with { SampleId = 71, ImageId = "b é" },
            rows[2] with { SampleId = 72, ImageId = "c", Alignments = [new Alignment(0, 1, 4, 0, 2)] },
        ];
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, written, [rows[3] with { SampleId = 3 }, rows[4] with { SampleId = 4 }]);
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        Assert.Equal(("kaleido-bank", BankFiles.FeatureSize, 5L), (manifest.Schema, manifest.PatchFeatureSize, manifest.RowCount));
        Assert.Equal([new RowGroupRun(1, 3), new RowGroupRun(1, 2)], manifest.Files[0].RowGroups);

        await using var reader = new RowGroupReader(manifest, new RowGroupTable(manifest), 2);
        var read = (await reader.ReadAsync(0)).Rows;
        Assert.Equal(written.Length, read.Count);
        foreach (var (expected, actual) in written.Zip(read))
        {
            Assert.Equal(
                (expected.SampleId, expected.ImageId, expected.ProductId, expected.Text, expected.Category, expected.Subcategory, expected.CategoryId, expected.SubcategoryId),
                (actual.SampleId, actual.ImageId, actual.ProductId, actual.Text, actual.Category, actual.Subcategory, actual.CategoryId, actual.SubcategoryId));
            Assert.Equal(expected.ForegroundBox, actual.ForegroundBox);
            Assert.Equal(expected.Alignments, actual.Alignments);
            Assert.Equal(expected.Vectors!.Positions, actual.Vectors!.Positions);
            Assert.True(expected.Vectors.Features.Span.SequenceEqual(actual.Vectors.Features.Span));
        }

        Assert.Equal([3, 4], (await reader.ReadAsync(1)).Rows.Select(r => (int)r.SampleIndex));
    }

    [Fact]
    public async Task StatisticsOfPicturesAreNotTakenFromVectors()
    {
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, rows);
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => DatasetMeasurement.MeasureAsync(manifest, ModelConfig.Preset("kaleido-tiny")!));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains($"'{folder["a.parquet"]}' holds patch vectors (kaleido-bank)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheSameRowsMakeTheSameBytes()
    {
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, rows);
        await BankFiles.WriteAsync(folder["b.parquet"], BankFiles.Properties, rows);
        Assert.Equal(File.ReadAllBytes(folder["a.parquet"]), File.ReadAllBytes(folder["b.parquet"]));
    }

    [Fact]
    public void TheVectorsOfAPictureAreSeventyFour()
    {
        Assert.Equal(74, BankLayout.VectorCount);
        Assert.Equal(74 * 2048 * 2, BankLayout.ByteCount(2048));
        var clean = Enumerable.Range(1, 5).SelectMany(level => Enumerable.Range(0, level * level).Select(cell => BankLayout.Clean(level, cell)));
        Assert.Equal(
            Enumerable.Range(0, 74),
            clean.Concat(Enumerable.Range(1, 3).Select(BankLayout.Rotation)).Concat(Enumerable.Range(0, 16).Select(BankLayout.Grey)));
        Assert.Equal(BankLayout.Clean(1, 0), BankLayout.Rotation(0));
    }

    [Fact]
    public async Task PicturesAndVectorsInOneDataSetAreRefused()
    {
        await BankFiles.WriteAsync(folder["b.parquet"], BankFiles.Properties, rows);
        await RawFiles.WriteAsync(folder["a.parquet"], 5, 5);
        var error = Assert.Throws<KaleidoException>(() => DatasetIndexer.Index(folder["*.parquet"]));
        Assert.Equal(
            $"'{folder["b.parquet"]}' is of schema kaleido-bank and '{folder["a.parquet"]}' of kaleido-raw; expected one schema in a data set. Narrow the pattern, or keep banks in a folder of their own.",
            error.Message);
    }

    [Fact]
    public async Task VectorsOfTwoNetworksInOneDataSetAreRefused()
    {
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, rows);
        await BankFiles.WriteAsync(folder["b.parquet"], BankFiles.Properties with { WeightsXxh128 = "01" }, rows);
        Assert.Contains("WeightsXxh128 = 01", Assert.Throws<KaleidoException>(() => DatasetIndexer.Index(folder["*.parquet"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFileThatClaimsAnotherVectorSizeIsRefusedByRow()
    {
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, rows);
        var bytes = File.ReadAllBytes(folder["a.parquet"]);
        var place = bytes.AsSpan().IndexOf("kaleido.feature_size"u8) + "kaleido.feature_size"u8.Length;
        var digits = bytes.AsSpan(place).IndexOf("16"u8) + place;
        "32"u8.CopyTo(bytes.AsSpan(digits));
        File.WriteAllBytes(folder["a.parquet"], bytes);

        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        await using var reader = new RowGroupReader(manifest, new RowGroupTable(manifest), 1);
        var error = await Assert.ThrowsAsync<KaleidoException>(async () => await reader.ReadAsync(0));
        Assert.StartsWith($"Row 0 of row group 0 of '{folder["a.parquet"]}' has 2,368 bytes of vectors; expected 4,736, 74 vectors of 32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AModelThatTakesSomethingElseIsToldWhatToSet()
    {
        await BankFiles.WriteAsync(folder["a.parquet"], BankFiles.Properties, rows);
        await RawFiles.WriteAsync(folder["p.parquet"], 5, 5);
        DatasetManifest bank = DatasetIndexer.Index(folder["a.parquet"]), pictures = DatasetIndexer.Index(folder["p.parquet"]);
        var pixels = ModelConfig.Preset("kaleido-tiny")!;
        var vectors = pixels with { PatchEncoder = PatchEncoderKind.Bank, PatchFeatureSize = BankFiles.FeatureSize };

        Assert.Null(PatchSource.Conflict(pixels, pictures, "x"));
        Assert.Null(PatchSource.Conflict(vectors, bank, "x"));
        Assert.Equal(
            "model.patch_feature_size is 2048, but the vectors of 'x' have 16 numbers. Set model.patch_feature_size: 16.",
            PatchSource.Conflict(vectors with { PatchFeatureSize = 2048 }, bank, "x"));
        Assert.StartsWith("model.patch_encoder is 'pixels', but 'x' holds patch vectors (kaleido-bank), not pictures. Set model.patch_encoder: bank and model.patch_feature_size: 16", PatchSource.Conflict(pixels, bank, "x"), StringComparison.Ordinal);
        Assert.StartsWith("model.patch_encoder is 'bank', but 'x' holds pictures (kaleido-raw), not patch vectors. Extract a bank", PatchSource.Conflict(vectors, pictures, "x"), StringComparison.Ordinal);
    }
}
