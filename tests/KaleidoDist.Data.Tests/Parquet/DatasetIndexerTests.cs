using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data.Tests;

public sealed class DatasetIndexerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static string Refusal(string path)
    {
        var error = Assert.Throws<KaleidoException>(() => DatasetIndexer.Index(path));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    [Fact]
    public async Task FilesAreInOrdinalOrderWithTheirRowGroups()
    {
        await RawFiles.WriteAsync(folder["part-10.parquet"], 10, 4);
        await RawFiles.WriteAsync(folder["part-09.parquet"], 9, 3);
        await RawFiles.WriteAsync(folder[".hidden.parquet"], 9, 3);
        await File.WriteAllTextAsync(folder["README.md"], "no data");
        foreach (var pattern in new[] { folder.ToString(), folder["*.parquet"], folder["part-??.parquet"] })
        {
            var manifest = DatasetIndexer.Index(pattern);
            Assert.Equal([folder["part-09.parquet"], folder["part-10.parquet"]], manifest.Files.Select(f => f.Path));
            Assert.Equal([new RowGroupRun(3, 3)], manifest.Files[0].RowGroups);
            Assert.Equal([new RowGroupRun(2, 4), new RowGroupRun(1, 2)], manifest.Files[1].RowGroups);
            Assert.Equal(new FileInfo(folder["part-09.parquet"]).Length, manifest.Files[0].Bytes);
            Assert.Equal(19, manifest.RowCount);
            Assert.Equal("kaleido-raw", manifest.Schema);
        }
    }

    [Fact]
    public async Task PatternsReachThroughFolders()
    {
        await RawFiles.WriteAsync(folder["b/x/1.parquet"], 2, 2);
        await RawFiles.WriteAsync(folder["a/x/2.parquet"], 2, 2);
        await RawFiles.WriteAsync(folder["a/y/3.parquet"], 2, 2);
        Assert.Equal([folder["a/x/2.parquet"], folder["b/x/1.parquet"]], DatasetIndexer.Index(folder["*/x/*.parquet"]).Files.Select(f => f.Path));
    }

    [Fact]
    public async Task TheFingerprintFollowsContentAndNamesButNotTheFolder()
    {
        await RawFiles.WriteAsync(folder["here/a.parquet"], 10, 4);
        await RawFiles.WriteAsync(folder["there/a.parquet"], 10, 4);
        await RawFiles.WriteAsync(folder["renamed/b.parquet"], 10, 4);
        await RawFiles.WriteAsync(folder["regrouped/a.parquet"], 10, 5);
        await RawFiles.WriteAsync(folder["other/a.parquet"], 10, 4, first: 1);
        var here = DatasetIndexer.Index(folder["here"]).Fingerprint;
        Assert.Matches("^[0-9a-f]{64}$", here);
        Assert.Equal(here, DatasetIndexer.Index(folder["there/*.parquet"]).Fingerprint);
        foreach (var changed in new[] { "renamed", "regrouped", "other" })
            Assert.NotEqual(here, DatasetIndexer.Index(folder[changed]).Fingerprint);
    }

    [Fact]
    public void AMissingFileAndAPatternWithoutMatchAreNamed()
    {
        Assert.Equal($"'{folder["no.parquet"]}': no such file or folder; expected Parquet files. Check the path.", Refusal(folder["no.parquet"]));
        Assert.Equal($"'{folder["*.parquet"]}' matches 0 files; expected at least 1. Check the pattern, or list the folder.", Refusal(folder.ToString()));
    }

    [Fact]
    public async Task ATruncatedFileIsToldByItsMissingFooter()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 10, 4);
        var bytes = File.ReadAllBytes(folder["a.parquet"]);
        foreach (var length in new[] { 0, 3, 11, bytes.Length / 2, bytes.Length - 1 })
        {
            File.WriteAllBytes(folder["a.parquet"], bytes[..length]);
            Assert.Equal(
                $"'{folder["a.parquet"]}' ({length:N0} bytes) does not end in a Parquet footer; it is truncated or not Parquet. Copy or import it again.",
                Refusal(folder["a.parquet"]));
        }
    }

    [Fact]
    public async Task ADamagedFooterIsRefusedWhateverByteIsWrong()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 10, 4);
        var bytes = File.ReadAllBytes(folder["a.parquet"]);
        var footerLength = BitConverter.ToInt32(bytes, bytes.Length - 8);
        var before = DatasetIndexer.Index(folder["a.parquet"]).Fingerprint;
        var random = new KeyedRandom(3, RandomPurpose.Import);
        for (var trial = 0; trial < 300; trial++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[bytes.Length - 8 - footerLength + random.Next(footerLength)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(folder["a.parquet"], damaged);
            try
            {
                // What still parses is another data set, and says so.
                Assert.NotEqual(before, DatasetIndexer.Index(folder["a.parquet"]).Fingerprint);
            }
            catch (KaleidoException error)
            {
                Assert.StartsWith($"'{folder["a.parquet"]}", error.Message.Replace("Row group 0 of ", "").Replace("Row group 1 of ", "").Replace("Row group 2 of ", "").Replace("Column ", ""), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task AColumnOfTheWrongTypeIsNamedWithBothTypes()
    {
        await WriteAsync(new DataField<int>("image"), (group, field) => group.WriteAsync<int>(field, new[] { 1, 2 }));
        Assert.Equal($"Column 'image' of '{folder["a.parquet"]}' is int32; expected binary. Write the data set with 'kaleido data import'.", Refusal(folder["a.parquet"]));
    }

    [Fact]
    public async Task AMissingColumnIsNamedWithWhatIsThere()
    {
        await WriteAsync(new DataField<int>("picture"), (group, field) => group.WriteAsync<int>(field, new[] { 1, 2 }));
        Assert.Equal(
            $"'{folder["a.parquet"]}' has no column 'image' (binary); found product_id, picture, text, category_id, subcategory_id. Write the data set with 'kaleido data import'.",
            Refusal(folder["a.parquet"]));
    }

    [Fact]
    public async Task AFileWithoutRowsIsRefused()
    {
        await using (var stream = File.Create(folder["a.parquet"]))
        await using (await ParquetWriter.CreateAsync(ForeignFiles.Schema(nullable: false), stream))
        {
        }

        Assert.Equal($"'{folder["a.parquet"]}' has 0 rows; expected at least 1. Remove it from the data set or import it again.", Refusal(folder["a.parquet"]));
    }

    private Task WriteAsync(DataField image, Func<ParquetRowGroupWriter, DataField, Task> write)
        => ForeignFiles.WriteAsync(folder["a.parquet"], ["p0", "p1"], image, write, ["one", "two"], [0, 1]);
}
