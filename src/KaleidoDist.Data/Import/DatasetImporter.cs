using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Turns a folder of pictures and a list of descriptions into a data set: products split into training and validation, rows
/// shuffled (windowed shuffles of an epoch then suffice), categories numbered in ordinal order of their names, files of equal size.
/// The same source, options and libraries give the same bytes.
/// </summary>
public static class DatasetImporter
{
    private const ulong OrderKey = 1;
    private const ulong SplitKey = 2;

    /// <summary>Largest picture file, in bytes.</summary>
    public const long MaxPictureBytes = 64L << 20;

    /// <summary>Runs an import.</summary>
    /// <exception cref="KaleidoException">The source is missing or unusable as a whole, or the output holds a data set already.</exception>
    public static async Task<ImportReport> ImportAsync(ImportOptions options, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        Validate(options);
        var pictures = new PictureFolder(options.ImageFolder);
        var skipped = new List<SkippedRow>();
        var rows = MetadataReader.Read(options.MetadataFile, options.Columns, skipped);
        if (rows.Count == 0)
            throw KaleidoException.Usage($"'{options.MetadataFile}' has 0 usable rows ({skipped.Count:N0} skipped{FirstReason(skipped)}); expected at least 1.");
        var categories = CategoryNumbers.Of(rows);
        var imageIndexes = ImageIndexes(rows);

        var random = new KeyedRandom(options.Seed, RandomPurpose.Import, OrderKey);
        var order = Enumerable.Range(0, rows.Count).ToArray();
        random.Shuffle<int>(order);
        var bySplit = order.ToLookup(i => IsValidation(rows[i].ProductId, options));

        var files = new List<string>();
        long done = 0;
        var counts = new Dictionary<bool, long>();
        foreach (var validation in new[] { false, true })
        {
            var split = validation ? "valid" : "train";
            var members = bySplit[validation].ToArray();
            await using var shards = new ShardWriter(PrepareFolder(options, split), members.Length, options.RowsPerFile, options.RowsPerGroup);
            foreach (var index in members)
            {
                cancel.ThrowIfCancellationRequested();
                var row = rows[index];
                if (await ReadPictureAsync(pictures.Resolve(row), options.Pictures, row, skipped, cancel) is { } picture)
                    await shards.AddAsync(Record(index, row, picture, imageIndexes[index], categories, split), cancel);
                progress?.Report(new ImportProgress(++done, rows.Count));
            }

            files.AddRange(await shards.CompleteAsync(cancel));
            counts[validation] = shards.RowCount;
        }

        if (counts[false] == 0)
            throw KaleidoException.Usage($"No row of '{options.MetadataFile}' could be imported for training ({skipped.Count:N0} skipped{FirstReason(skipped)}); expected at least 1.");
        return new ImportReport(counts[false], counts[true], files, categories.CategoryCount, categories.SubcategoryCount, skipped);
    }

    /// <summary>Whether all pictures of a product are validation data: a function of the seed and the product alone.</summary>
    private static bool IsValidation(string productId, ImportOptions options)
    {
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(productId)));
        return new KeyedRandom(options.Seed, RandomPurpose.Import, SplitKey, hash).NextDouble() < options.ValidationShare;
    }

    private static async Task<StoredPicture?> ReadPictureAsync(string path, PictureOptions options, SourceRow row, List<SkippedRow> skipped, CancellationToken cancel)
    {
        var file = new FileInfo(path);
        string problem;
        if (!file.Exists)
            problem = "no such picture";
        else if (file.Length > MaxPictureBytes)
            problem = $"picture has {file.Length:N0} bytes, more than {MaxPictureBytes:N0}";
        else if (PictureConverter.Convert(await File.ReadAllBytesAsync(path, cancel), options, out problem) is { } picture)
            return picture;
        skipped.Add(new SkippedRow(row.Line, $"{problem}: {row.Image}"));
        return null;
    }

    private static RawRecord Record(int index, SourceRow row, StoredPicture picture, int imageIndex, CategoryNumbers categories, string split) => new()
    {
        SampleId = index,
        ProductId = row.ProductId,
        ImageId = row.Image,
        ImageIndex = imageIndex,
        Image = picture.Bytes,
        Width = picture.Width,
        Height = picture.Height,
        Text = row.Text,
        Category = row.Category,
        Subcategory = row.Subcategory,
        CategoryId = categories.CategoryId(row),
        SubcategoryId = categories.SubcategoryId(row),
        Split = split,
    };

    private static int[] ImageIndexes(List<SourceRow> rows)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        var indexes = new int[rows.Count];
        for (var i = 0; i < rows.Count; i++)
        {
            indexes[i] = seen.GetValueOrDefault(rows[i].ProductId);
            seen[rows[i].ProductId] = indexes[i] + 1;
        }

        return indexes;
    }

    private static string PrepareFolder(ImportOptions options, string split)
    {
        var folder = Path.Combine(Path.GetFullPath(options.OutputFolder), split);
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(folder, "*.parquet"))
            File.Delete(file);
        return folder;
    }

    private static void Validate(ImportOptions options)
    {
        if (options.ValidationShare is not (>= 0 and < 1))
            throw KaleidoException.Usage($"The validation share is {options.ValidationShare}; expected 0 or more and less than 1.");
        if (options.RowsPerGroup < 1 || options.RowsPerFile < options.RowsPerGroup)
            throw KaleidoException.Usage($"{options.RowsPerGroup} rows per group and {options.RowsPerFile} per file; expected at least 1 per group and a group per file.");
        if (options.Pictures.JpegQuality is < 1 or > 100)
            throw KaleidoException.Usage($"The JPEG quality is {options.Pictures.JpegQuality}; expected 1 to 100.");
        if (options.Pictures.MaxSide is < 1)
            throw KaleidoException.Usage($"The longest side is {options.Pictures.MaxSide} pixels; expected at least 1.");
        if (options.Pictures is { Square: true, MaxSide: null })
            throw KaleidoException.Usage("Pictures are padded to squares only when they are written anew; expected a longest side (--max-side) too.");
        foreach (var split in new[] { "train", "valid" })
        {
            var folder = Path.Combine(options.OutputFolder, split);
            if (!options.Overwrite && Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.parquet").Any())
                throw KaleidoException.Usage($"'{folder}' holds Parquet files already; expected none. Choose another folder or pass --overwrite.");
        }
    }

    private static string FirstReason(List<SkippedRow> skipped)
        => skipped.Count == 0 ? "" : $", the first in line {skipped[0].Line}: {skipped[0].Reason}";
}
