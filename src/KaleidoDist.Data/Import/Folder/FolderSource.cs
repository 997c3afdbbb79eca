namespace KaleidoDist.Data;

/// <summary>A folder of pictures with a list of descriptions.</summary>
public sealed class FolderSource : ImportSource
{
    internal const string KindName = "folder";

    private readonly string metadataFile;
    private readonly ImportColumns columns;
    private readonly PictureFolder pictures;

    /// <summary>Names the source.</summary>
    /// <param name="imageFolder">Folder that picture paths start from; nothing outside it is read.</param>
    /// <param name="metadataFile">JSON-lines (.jsonl, .ndjson) or CSV (.csv; .tsv with tabs) file, one picture a line.</param>
    /// <param name="columns">Columns of the list; null for the usual names.</param>
    /// <exception cref="Contracts.KaleidoException">There is no such folder.</exception>
    public FolderSource(string imageFolder, string metadataFile, ImportColumns? columns = null)
    {
        this.metadataFile = metadataFile;
        this.columns = columns ?? new ImportColumns();
        pictures = new PictureFolder(imageFolder);
    }

    /// <inheritdoc/>
    public override string Kind => KindName;

    internal override string RowsName => metadataFile;

    internal override IReadOnlyCollection<string> Extras => [.. columns.Extras.Keys];

    /// <summary>The list is hashed; of the pictures only their folder is known.</summary>
    internal override IReadOnlyDictionary<string, string> Identity() => new Dictionary<string, string>
    {
        ["list"] = SourceFingerprint.Of(metadataFile),
        ["columns"] = $"{columns.Image}, {columns.Text}, {columns.ProductId}, {columns.Category}, {columns.Subcategory}",
        ["extra columns"] = string.Join(", ", columns.Extras.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}={e.Value}")),
        ["pictures"] = pictures.Root,
    };

    internal override IEnumerable<SourceRow> ReadRows(Action<SkippedRow> skip) => MetadataReader.Read(metadataFile, columns, skip);

    internal override ValueTask<SourceImage> ReadImageAsync(SourceRow row, CancellationToken cancel) => PictureFile.ReadAsync(pictures.Resolve(row), cancel);
}
