using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Reads whole row groups of a data set and keeps the last used ones, because the samples of a shuffle window come from few row groups
/// in turn. One file is open at a time for each file in use; not thread-safe: every reading thread has its own.
/// </summary>
public sealed class RowGroupReader : IAsyncDisposable
{
    /// <summary>Files kept open: a window spans few, and descriptors are limited.</summary>
    private const int MaxOpenFileCount = 8;

    private readonly DatasetManifest manifest;
    private readonly RowGroupTable table;
    private readonly RecentlyUsed<long, RowGroup> groups;
    private readonly RecentlyUsed<int, ShardFile> files;

    /// <summary>Prepares to read; opens nothing yet.</summary>
    /// <param name="manifest">What the data set was when it was indexed.</param>
    /// <param name="table">The manifest's row groups.</param>
    /// <param name="groupCapacity">Row groups kept in memory, at least 1.</param>
    public RowGroupReader(DatasetManifest manifest, RowGroupTable table, int groupCapacity)
    {
        this.manifest = manifest;
        this.table = table;
        groups = new RecentlyUsed<long, RowGroup>(groupCapacity);
        files = new RecentlyUsed<int, ShardFile>(MaxOpenFileCount);
    }

    /// <summary>Row groups read from files so far; one read again after it was dropped counts again.</summary>
    public long ReadCount { get; private set; }

    /// <summary>A row group of the data set, read or remembered.</summary>
    /// <param name="group">Index in manifest order.</param>
    /// <param name="cancel">Stops the read.</param>
    /// <exception cref="KaleidoException">The file is not the one that was indexed, is damaged, or has a null where none may be.</exception>
    public async ValueTask<RowGroup> ReadAsync(long group, CancellationToken cancel = default)
    {
        if (groups.TryGet(group, out var known))
            return known;
        var location = table.Locate(group);
        var file = await OpenAsync(location.File, cancel);
        RowGroup read;
        try
        {
            read = new RowGroup(group, await ReadRowsAsync(file, location, cancel));
        }
        catch (Exception error) when (error is not (OperationCanceledException or KaleidoException))
        {
            throw new KaleidoException($"Row group {location.GroupInFile} of '{file.Path}' cannot be read ({error.Message}); the file is damaged. Copy or import it again.", ExitCode.Failed, error);
        }

        ReadCount++;
        groups.Add(group, read, out _);
        return read;
    }

    /// <summary>Closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var file in files.Values)
            await file.DisposeAsync();
    }

    private async ValueTask<ShardFile> OpenAsync(int index, CancellationToken cancel)
    {
        if (files.TryGet(index, out var open))
            return open;
        var expected = manifest.Files[index];
        var file = await ShardFile.OpenAsync(expected.Path, cancel);
        if (file.Footer.FileBytes != expected.Bytes || file.Footer.Sha256 != expected.FooterSha256)
        {
            await file.DisposeAsync();
            throw KaleidoException.Usage($"'{expected.Path}' changed since it was indexed ({file.Footer.FileBytes:N0} bytes, footer {file.Footer.Sha256[..8]}; expected {expected.Bytes:N0} bytes, footer {expected.FooterSha256[..8]}). Put the old file back or start a new run.");
        }

        files.Add(index, file, out var dropped);
        if (dropped is not null)
            await dropped.DisposeAsync();
        return file;
    }

    private static async Task<RawRow[]> ReadRowsAsync(ShardFile file, RowGroupLocation location, CancellationToken cancel)
    {
        using var reader = file.Reader.OpenRowGroupReader(location.GroupInFile);
        var columns = new ColumnReader(reader, file, location, cancel);
        var images = file.Bank is null ? await columns.ReadAsync<ReadOnlyMemory<byte>>(RawSchema.Image) : null;
        var vectors = file.Bank is null ? null : await BankReader.ReadVectorsAsync(columns, file, location);
        var texts = await columns.ReadAsync<ReadOnlyMemory<char>>(RawSchema.Text);
        var products = await columns.ReadAsync<ReadOnlyMemory<char>>(RawSchema.ProductId);
        var categoryIds = await columns.ReadAsync<int>(RawSchema.CategoryId);
        var subcategoryIds = await columns.ReadAsync<int>(RawSchema.SubcategoryId);

        // Names of rows, which training does not need: other writers may have given them other types.
        var sampleIds = file.Field(RawSchema.SampleId) is { MaxDefinitionLevel: 0 } id && id.ClrType == typeof(long) ? await columns.ReadAsync<long>(RawSchema.SampleId) : null;
        var imageIds = file.Field(RawSchema.ImageId)?.ClrType == typeof(ReadOnlyMemory<char>) ? await columns.ReadOptionalAsync(RawSchema.ImageId) : null;
        var categories = await columns.ReadOptionalAsync(RawSchema.Category);
        var subcategories = await columns.ReadOptionalAsync(RawSchema.Subcategory);

        var boxes = await AnnotationReader.ReadBoxesAsync(columns, file, location);
        var alignments = await AnnotationReader.ReadAlignmentsAsync(columns, file, location);

        var rows = new RawRow[location.RowCount];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = new RawRow
            {
                SampleIndex = location.FirstSample + i,
                SampleId = sampleIds?[i] ?? location.FirstSample + i,
                ImageId = imageIds?[i].ToString() ?? "",
                ProductId = products[i].ToString(),
                Image = images?[i] ?? default,
                Vectors = vectors?[i],
                Text = texts[i].ToString(),
                Category = categories[i].ToString(),
                Subcategory = subcategories[i].ToString(),
                CategoryId = categoryIds[i],
                SubcategoryId = subcategoryIds[i],
                ForegroundBox = boxes[i],
                Alignments = alignments[i],
            };
        }

        return rows;
    }
}
