using System.Text;
using KaleidoDist.Contracts;
using Parquet;
using PureHDF;

namespace KaleidoDist.Data.Tests;

public sealed class FashionGenTests : IDisposable
{
    private const int Rows = 10;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private ImportOptions Options(string output = "out") => new() { OutputFolder = folder[output], RowsPerGroup = 2, RowsPerFile = 4, ValidationShare = 0 };

    private async Task<ImportReport> ImportAsync(ImportOptions options, string? validation = null, string text = "input_description", StopAfter? stop = null)
    {
        using var source = new FashionGenSource(folder["train.h5"], validation is null ? null : folder[validation], text);
        return await DatasetImporter.ImportAsync(source, options, stop, stop?.Token ?? default);
    }

    private static int Number(RawRow row) => int.Parse(row.Text.Split(' ')[1]);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public async Task PixelsTextsAndAttributesBecomeRows(int picturesPerChunk)
    {
        FashionGenFiles.Write(folder["train.h5"], Rows, picturesPerChunk);
        var options = Options() with { Pictures = new PictureOptions { Format = PictureFormat.Png } };
        var report = await ImportAsync(options);
        var rows = await ImportFolder.RowsAsync(folder["out/train"]);
        Assert.Equal((Rows, 2, 2, 0L), (rows.Count, report.CategoryCount, report.SubcategoryCount, report.SkippedCount));
        foreach (var row in rows)
        {
            var i = Number(row);
            Assert.Equal(($"description {i} é", $"{100 + i / 2}"), (row.Text, row.ProductId));
            Assert.Equal(i / 2 % 2 == 0 ? ("TOPS", "TOPS", 1) : ("BAGS", "BAGS", 0), (row.Category, row.Subcategory, row.CategoryId));
            using var picture = Pictures.Decode(row.Image);
            Assert.Equal((FashionGenFiles.Side, FashionGenFiles.Side), (picture.Width, picture.Height));
            var (red, green, blue) = FashionGenFiles.Colour(i);
            Assert.Equal(new SkiaSharp.SKColor(red, green, blue), picture.GetPixel(3, 12));
        }
    }

    [Fact]
    public async Task AttributesAreColumnsAndImageIdsCountAProductsPictures()
    {
        FashionGenFiles.Write(folder["train.h5"], 4);
        await ImportAsync(Options());
        await using var parquet = await ParquetReader.CreateAsync(folder["out/train/part-00.parquet"]);
        Assert.Equal("fashion-gen", parquet.CustomMetadata["kaleido.source"]);
        Assert.Equal(("kaleido-raw", "1"), (parquet.CustomMetadata["kaleido.schema"], parquet.CustomMetadata["kaleido.version"]));
        using var group = parquet.OpenRowGroupReader(0);
        var ids = await ColumnAsync<string>(parquet, "image_id");
        var names = await ColumnAsync<string>(parquet, "title");
        var prices = await ColumnAsync<float?>(parquet, "price_usd");
        Assert.Equal(["100_0", "100_1", "101_0", "101_1"], ids.Order());
        Assert.Equal(["name 0 é", "name 1 é", "name 2 é", "name 3 é"], names.Order());
        Assert.Equal([0.5f, 1.5f, 2.5f, 3.5f], prices.Order());
    }

    private static async Task<List<T>> ColumnAsync<T>(ParquetReader parquet, string name)
    {
        var values = new List<T>();
        for (var i = 0; i < parquet.RowGroupCount; i++)
        {
            using var group = parquet.OpenRowGroupReader(i);
            values.AddRange((T[])(object)await ReadAsync(group, parquet.Schema.FindDataField(name)));
        }

        return values;
    }

    private static async Task<Array> ReadAsync(ParquetRowGroupReader group, Parquet.Schema.DataField field)
    {
        var count = (int)group.RowCount;
        var levels = field.MaxDefinitionLevel == 0 ? default(Memory<int>?) : new int[count];
        if (field.ClrType == typeof(float))
        {
            var numbers = new float[count];
            await group.ReadRawAsync<float>(field, numbers, levels, null);
            return numbers.Select(n => (float?)n).ToArray();
        }

        var texts = new ReadOnlyMemory<char>[count];
        await group.ReadRawAsync<ReadOnlyMemory<char>>(field, texts, levels, null);
        return texts.Select(t => t.ToString()).ToArray();
    }

    [Fact]
    public async Task TheSecondFileIsForValidationAndCategoriesAreNumberedOverBoth()
    {
        FashionGenFiles.Write(folder["train.h5"], 4);
        FashionGenFiles.Write(folder["valid.h5"], 2, 0, ("input_category", FashionGenFiles.Column(["COATS", "COATS"])), ("input_productID", FashionGenFiles.Column([7, 8])));
        var report = await ImportAsync(Options(), "valid.h5");
        Assert.Equal((4, 2, 3), (report.TrainRows, report.ValidationRows, report.CategoryCount));
        Assert.All(await ImportFolder.RowsAsync(folder["out/valid"]), row => Assert.Equal(("COATS", 1), (row.Category, row.CategoryId)));
    }

    [Fact]
    public async Task TextsOfUnknownEncodingAreDecoded()
    {
        // A latin-1 é, a UTF-8 é followed by a damaged byte, and a text that fills its field: 8 bytes each.
        byte[][] texts = [[.. "caf"u8, 0xE9, 0, 0, 0, 0], [0xC3, 0xA9, 0xFF, .. "x"u8, 0, 0, 0, 0], [.. "eight888"u8]];
        FashionGenFiles.Write(folder["train.h5"], 3);
        FixedStrings.Replace(folder["train.h5"], "input_description", texts);
        await ImportAsync(Options());
        Assert.Equal(["café", "eight888", "é\uFFFDx"], (await ImportFolder.RowsAsync(folder["out/train"])).Select(r => r.Text).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task AnImportThatIsStoppedGoesOn(int picturesPerChunk)
    {
        FashionGenFiles.Write(folder["train.h5"], Rows, picturesPerChunk);
        await ImportAsync(Options("whole"));
        foreach (var reports in new[] { 2, 7 })
        {
            using (var stop = new StopAfter(reports))
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImportAsync(Options($"out-{reports}"), stop: stop));
            await ImportAsync(Options($"out-{reports}"));
            Assert.Equal(ImportFolder.Contents(folder["whole"]), ImportFolder.Contents(folder[$"out-{reports}"]));
        }
    }

    [Fact]
    public async Task RowsWithoutTextOrWithAnImpossibleNumberAreSkipped()
    {
        FashionGenFiles.Write(
            folder["train.h5"], 4, 0,
            ("input_description", FashionGenFiles.Column(["", "b", "c", "d"])),
            ("input_productID", FashionGenFiles.Column([1, -2, 3, 4L])),
            ("input_msrpUSD", FashionGenFiles.Column([1f, 1f, float.NaN, 1f])));
        var report = await ImportAsync(Options());
        Assert.Equal(1, report.TrainRows);
        Assert.Equal(
            [new SkippedRow("train.h5", 1, SkipReason.MissingValue, "no description"), new SkippedRow("train.h5", 2, SkipReason.OutOfRange, "product -2 is below 0"), new SkippedRow("train.h5", 3, SkipReason.NotANumber, "the price is not finite")],
            report.FirstSkipped);
    }

    public static TheoryData<string, string> WrongLayouts => new()
    {
        { "no images", "'*' has no dataset 'input_image'; found index, index_2, input_brand, " },
        { "floats", "Dataset 'input_image' of '*' is FloatingPoint of 4 bytes [4, 2, 2, 3]; expected uint8 [rows, height, width, 3] with sides up to 4096." },
        { "grey", "Dataset 'input_image' of '*' is FixedPoint of 1 bytes [4, 2, 2, 1]; expected uint8 [rows, height, width, 3] with sides up to 4096." },
        { "flat", "Dataset 'input_image' of '*' is FixedPoint of 1 bytes [4, 12]; expected uint8 [rows, height, width, 3] with sides up to 4096." },
        { "short", "Dataset 'input_productID' of '*' is FixedPoint of 8 bytes [3, 1]; expected [4, 1], as many rows as 'input_image'." },
        { "numbers", "Dataset 'input_description' of '*' is FixedPoint of 4 bytes [4, 1]; expected byte strings of at most 65,536 bytes." },
        { "no text", "'*' has no dataset 'input_description'; found index, " },
    };

    [Theory]
    [MemberData(nameof(WrongLayouts))]
    public async Task AFileOfAnotherLayoutIsRefused(string layout, string message)
    {
        (string, object?) change = layout switch
        {
            "no images" => ("input_image", null),
            "floats" => ("input_image", new H5Dataset(new float[48], fileDims: [4, 2, 2, 3])),
            "grey" => ("input_image", new H5Dataset(new byte[16], fileDims: [4, 2, 2, 1])),
            "flat" => ("input_image", new H5Dataset(new byte[48], fileDims: [4, 12])),
            "short" => ("input_productID", FashionGenFiles.Column([1, 2, 3L])),
            "numbers" => ("input_description", FashionGenFiles.Column([1, 2, 3, 4])),
            _ => ("input_description", null),
        };
        FashionGenFiles.Write(folder["train.h5"], 4, 0, change);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.StartsWith(message.Replace("*", folder["train.h5"]), error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public async Task ATruncatedFileIsRefused(double share)
    {
        FashionGenFiles.Write(folder["train.h5"], Rows);
        var bytes = File.ReadAllBytes(folder["train.h5"]);
        File.WriteAllBytes(folder["train.h5"], bytes[..(int)(bytes.Length * share)]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.StartsWith($"'{folder["train.h5"]}' cannot be read as HDF5 (", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out/train"]) && Directory.GetFiles(folder["out/train"]).Length > 0);
    }

    [Fact]
    public async Task ChunksThatHoldAPartOfManyPicturesAreReadToo()
    {
        FashionGenFiles.Write(folder["plain.h5"], Rows);
        FashionGenFiles.Write(folder["train.h5"], Rows, 0, ("input_image", FashionGenFiles.Images(Rows, [6, 4, 8, 1])));
        await ImportAsync(Options("chunked"));
        File.Copy(folder["plain.h5"], folder["train.h5"], overwrite: true);
        await ImportAsync(Options("plain"));
        Assert.Equal(ImportFolder.Contents(folder["plain"]), ImportFolder.Contents(folder["chunked"]));
    }

    [Fact]
    public async Task AFileThatIsNoHdf5IsRefused()
    {
        File.WriteAllText(folder["train.h5"], new string('x', 4000));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.StartsWith($"'{folder["train.h5"]}' cannot be read as HDF5 (", error.Message, StringComparison.Ordinal);
    }
}
