using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class KaleidoReleaseTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private ImportOptions Options(string output = "out") => new() { OutputFolder = folder[output], RowsPerGroup = 2, RowsPerFile = 4, ValidationShare = 0 };

    private async Task<ImportReport> ImportAsync(string archive, ImportOptions options, string? validation = null, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        using var source = new KaleidoReleaseSource(folder["full_train_info.txt"], folder[archive], validation is null ? null : folder[validation]);
        return await DatasetImporter.ImportAsync(source, options, progress, cancel);
    }

    private static string Line(int product, int k, string text, string category = "TOPS", int id = 7, string subcategory = "T-SHIRTS", int subId = 39)
        => ImportFolder.Separated($"{product}", $"{product}_{k}", category, $"{id}", subcategory, $"{subId}", text);

    private static IEnumerable<(string Name, byte[] Bytes)> Members(int count)
        => Enumerable.Range(0, count).Select(i => ($"extracted_train_images/{i / 2}_{i % 2 + 1}.png", Pictures.HalfRed(10 + i, 8)));

    private void WriteInfo(int count) => File.WriteAllLines(folder["full_train_info.txt"], Enumerable.Range(0, count).Select(i => Line(i / 2, i % 2 + 1, $"text {i}")));

    [Theory]
    [InlineData("images.tar.gz")]
    [InlineData("images.tar")]
    [InlineData("images")]
    public async Task PicturesAreFoundByImageIdInArchivesAndFolders(string archive)
    {
        WriteInfo(12);
        var members = Members(12).Append(("extracted_train_images/._0_1.png", [1])).Append(("readme.txt", [2])).ToArray();
        if (archive == "images")
        {
            Directory.CreateDirectory(folder["images/extracted_train_images"]);
            foreach (var (name, bytes) in members)
                File.WriteAllBytes(folder[$"images/{name}"], bytes);
        }
        else
        {
            Archives.Write(folder[archive], members);
        }

        var report = await ImportAsync(archive, Options());
        var rows = await ImportFolder.RowsAsync(folder["out/train"]);
        Assert.Equal((12, 0, 0L), (rows.Count, (int)report.ValidationRows, report.SkippedCount));
        foreach (var row in rows)
        {
            var i = int.Parse(row.Text.Split(' ')[1]);
            Assert.Equal(Pictures.HalfRed(10 + i, 8), row.Image.ToArray());
            Assert.Equal(($"{i / 2}", "TOPS", 7, "T-SHIRTS", 39), (row.ProductId, row.Category, row.CategoryId, row.Subcategory, row.SubcategoryId));
        }

        Assert.NotEqual(rows.Select(r => r.Text), rows.Select(r => r.Text).Order());
        Assert.False(Directory.Exists(folder["out/.import"]));
    }

    [Fact]
    public async Task AnArchiveAndItsExtractedFolderGiveTheSameRows()
    {
        WriteInfo(8);
        Archives.Write(folder["a.tar.gz"], Members(8));
        Archives.Write(folder["a.tar"], Members(8));
        await ImportAsync("a.tar.gz", Options("gz"));
        await ImportAsync("a.tar", Options("tar"));
        Assert.Equal(ImportFolder.Contents(folder["gz"]), ImportFolder.Contents(folder["tar"]));
    }

    [Fact]
    public async Task RowsOfTheSecondFileAreForValidation()
    {
        WriteInfo(6);
        File.WriteAllLines(folder["full_valid_info.txt"], [Line(50, 1, "valid", "BAGS", 8, "TOTES", 40)]);
        Archives.Write(folder["a.tar.gz"], Members(6).Append(("extracted_valid_images/50_1.png", Pictures.HalfRed(9, 9))));
        var report = await ImportAsync("a.tar.gz", Options(), "full_valid_info.txt");
        Assert.Equal((6, 1, 2, 2), (report.TrainRows, report.ValidationRows, report.CategoryCount, report.SubcategoryCount));
        var row = Assert.Single(await ImportFolder.RowsAsync(folder["out/valid"]));
        Assert.Equal(("valid", 8, 40), (row.Text, row.CategoryId, row.SubcategoryId));
    }

    [Fact]
    public async Task UnpackingThatWasStoppedBeginsAnewAndWritingGoesOn()
    {
        WriteInfo(12);
        Archives.Write(folder["a.tar.gz"], Members(12));
        await ImportAsync("a.tar.gz", Options("whole"));
        foreach (var reports in new[] { 3, 12, 17, 20 })
        {
            using (var stop = new StopAfter(reports))
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImportAsync("a.tar.gz", Options($"out-{reports}"), progress: stop, cancel: stop.Token));
            await ImportAsync("a.tar.gz", Options($"out-{reports}"));
            Assert.Equal(ImportFolder.Contents(folder["whole"]), ImportFolder.Contents(folder[$"out-{reports}"]));
        }
    }

    [Fact]
    public async Task LinesThatAreNoRowsAreSkippedWithTheirReasons()
    {
        using (var info = File.Create(folder["full_train_info.txt"]))
        {
            foreach (var line in new[]
            {
                Line(0, 1, "fine"),
                "86605\u000186605_1\u0001TOPS\u00017\u0001T-SHIRTS\u000139",
                Line(0, 1, "too\u0001many"),
                Line(0, 1, "nul\0"),
                Line(0, 1, "x").Replace("\u00017\u0001", "\u0001seven\u0001"),
                Line(0, 1, "x", id: 70_000),
                Line(0, 1, "x", id: 8),
                Line(0, 1, "x", category: "BAGS", subcategory: "TOTES", subId: 40),
                Line(0, 1, "x", subcategory: "SHIRTS"),
                Line(0, 1, ""),
                Line(3, 1, "no picture"),
                "",
                Line(0, 1, new string('x', InfoReader.MaxRowBytes)),
            })
                info.Write(Encoding.UTF8.GetBytes(line + "\n"));
        }

        Archives.Write(folder["a.tar"], Members(1));
        var report = await ImportAsync("a.tar", Options());
        Assert.Equal(1, report.TrainRows);
        Assert.Equal(
            [
                (2, SkipReason.WrongCount, "6 columns; expected 7 between bytes 0x01"),
                (3, SkipReason.WrongCount, "8 columns; expected 7 between bytes 0x01"),
                (4, SkipReason.NulByte, "line has a byte 0"),
                (5, SkipReason.NotANumber, "category_id 'seven' is no number"),
                (6, SkipReason.OutOfRange, "category_id 70000 is outside 0 to 65535"),
                (10, SkipReason.MissingValue, "no description"),
                (13, SkipReason.TooLong, "line has more than 1,048,576 bytes"),
                (7, SkipReason.CategoryNumber, "category 'TOPS' is 8 here and 7 above"),
                (8, SkipReason.CategoryNumber, "category 7 is 'BAGS' here and 'TOPS' above"),
                (9, SkipReason.CategoryNumber, "sub-category 39 is 'SHIRTS' here and 'T-SHIRTS' above"),
                (11, SkipReason.PictureMissing, "no such picture: 3_1"),
            ],
            File.ReadAllLines(folder["out/skipped.jsonl"]).Select(Parsed).OrderBy(s => s.Item2 is SkipReason.CategoryNumber or SkipReason.PictureMissing).ThenBy(s => s.Item1));
    }

    private static (int, SkipReason, string) Parsed(string line)
    {
        var row = System.Text.Json.JsonDocument.Parse(line).RootElement;
        return (row.GetProperty("line").GetInt32(), Enum.Parse<SkipReason>(row.GetProperty("reason").GetString()!.Replace("-", ""), ignoreCase: true), row.GetProperty("detail").GetString()!);
    }

    [Theory]
    [InlineData("../../0_1.png")]
    [InlineData("images/../../0_1.png")]
    [InlineData("/tmp/0_1.png")]
    [InlineData("..\\0_1.png")]
    public async Task AMemberThatLiesOutsideOfItsArchiveIsRefused(string name)
    {
        WriteInfo(1);
        Archives.Write(folder["a.tar.gz"], Members(1).Append((name, [1])));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync("a.tar.gz", Options()));
        Assert.Equal($"'{folder["a.tar.gz"]}' has a member '{name}' that lies outside of it; expected paths below its root. Nothing was extracted; do not trust this archive.", error.Message);
        Assert.Empty(Directory.GetFiles(folder["out"], "*.parquet", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    public async Task AnArchiveWithALinkIsRefused(TarEntryType type)
    {
        WriteInfo(1);
        Archives.Write(folder["a.tar.gz"], Members(1), tar => tar.WriteEntry(new PaxTarEntry(type, "0_2.png") { LinkName = "/etc/hostname" }));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync("a.tar.gz", Options()));
        Assert.Equal($"'{folder["a.tar.gz"]}' has a link '0_2.png' to '/etc/hostname'; expected files and folders only. Pack it again without links.", error.Message);
    }

    [Fact]
    public async Task TwoPicturesOfOneIdAreRefused()
    {
        WriteInfo(1);
        Archives.Write(folder["a.tar"], Members(1).Append(("other/0_1.png", [1])));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync("a.tar", Options()));
        Assert.StartsWith($"'{folder["a.tar"]}' has two pictures '0_1', the second is 'other/0_1.png'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADecompressionBombEndsUnpackingEarly()
    {
        WriteInfo(1);
        Archives.Write(folder["a.tar.gz"], [("0_1.png", new byte[60 << 20])]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync("a.tar.gz", Options()));
        Assert.Contains("more than 50 times as many; expected pictures, which barely shrink", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.True(new FileInfo(folder["out/.import/pictures.bin"]).Length < 24 << 20);
    }

    [Theory]
    [InlineData("a.tar")]
    [InlineData("a.tar.gz")]
    public async Task AnArchiveThatEndsEarlyIsRefused(string archive)
    {
        WriteInfo(4);
        Archives.Write(folder[archive], Members(4));
        var bytes = File.ReadAllBytes(folder[archive]);
        File.WriteAllBytes(folder[archive], bytes[..(archive == "a.tar" ? 1600 : bytes.Length / 2)]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(archive, Options()));
        Assert.StartsWith($"'{folder[archive]}' cannot be read as a .tar or .tar.gz archive (", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task APictureThatClaimsToBeHugeIsSkippedBeforeItIsDecoded()
    {
        WriteInfo(2);
        Archives.Write(folder["a.tar"], [("0_1.png", Pictures.Claiming(60_000, 60_000)), ("0_2.png", Pictures.HalfRed(4, 4))]);
        var before = GC.GetTotalAllocatedBytes();
        var report = await ImportAsync("a.tar", Options());
        Assert.True(GC.GetTotalAllocatedBytes() - before < 256 << 20);
        Assert.Equal((1, SkipReason.PictureTooLarge, "picture has 60000 x 60000 pixels, more than 100,000,000: 0_1"), (report.TrainRows, report.FirstSkipped[0].Reason, report.FirstSkipped[0].Detail));
    }

    [Fact]
    public async Task ARecordThatClaimsGigabytesIsRefused()
    {
        WriteInfo(1);
        Archives.Write(folder["a.tar"], [("0_1.png", Pictures.HalfRed(4, 4))]);
        var bytes = File.ReadAllBytes(folder["a.tar"]);
        using (var gzip = new GZipStream(File.Create(folder["a.tar.gz"]), CompressionLevel.Fastest))
            gzip.Write(Claiming(bytes, "77777777777"));
        File.WriteAllBytes(folder["a.tar"], Claiming(bytes, "77777777777"));
        foreach (var archive in new[] { "a.tar", "a.tar.gz" })
        {
            var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(archive, Options($"out-{archive}")));
            Assert.Contains("cannot be read as a .tar or .tar.gz archive (", error.Message);
        }
    }

    /// <summary>Rewrites the size of the last header, octal in bytes 124 to 135, and its checksum, in bytes 148 to 155.</summary>
    private static byte[] Claiming(byte[] tar, string octal)
    {
        var header = tar.AsSpan().LastIndexOf("ustar"u8) - 257;
        var copy = (byte[])tar.Clone();
        Encoding.ASCII.GetBytes(octal).CopyTo(copy, header + 124);
        copy.AsSpan(header + 148, 8).Fill((byte)' ');
        var sum = copy.AsSpan(header, 512).ToArray().Sum(b => b);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(copy, header + 148);
        return copy;
    }
}
