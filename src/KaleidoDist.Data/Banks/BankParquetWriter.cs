using System.IO.Compression;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>
/// Writes a <c>kaleido-bank</c> file to a stream, row group by row group, uncompressed: vectors hardly shrink, and readers then slice pages
/// instead of inflating them. The bytes depend on rows and properties alone.
/// </summary>
public sealed class BankParquetWriter : IAsyncDisposable
{
    private static readonly ParquetOptions Options = new() { CompressionMethod = CompressionMethod.None, CompressionLevel = CompressionLevel.Optimal };

    private readonly ParquetWriter writer;
    private readonly int featureBytes;
    private readonly Dictionary<string, DataField> fields;

    private BankParquetWriter(ParquetWriter writer, ParquetSchema schema, int featureBytes)
    {
        this.writer = writer;
        this.featureBytes = featureBytes;
        fields = schema.DataFields.ToDictionary(field => field.Path.ToString(), StringComparer.Ordinal);
    }

    /// <summary>Starts a file; the stream stays the caller's.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="properties">How the vectors were made.</param>
    /// <param name="origin">What they were made from; null where nobody asks.</param>
    /// <param name="cancel">Stops the start.</param>
    public static async Task<BankParquetWriter> CreateAsync(Stream stream, BankProperties properties, BankOrigin? origin = null, CancellationToken cancel = default)
    {
        var schema = BankSchema.Written();
        var writer = await ParquetWriter.CreateAsync(schema, stream, Options, append: false, cancel);
        var metadata = properties.ToMetadata();
        origin?.AddTo(metadata);
        writer.CustomMetadata = metadata;
        return new BankParquetWriter(writer, schema, BankLayout.ByteCount(properties.FeatureSize));
    }

    /// <summary>Writes one row group.</summary>
    /// <param name="rows">The source's rows, in its order, with <see cref="RawRow.Vectors"/>; without them where a picture does not decode. At least one.</param>
    /// <param name="cancel">Stops the write.</param>
    public async Task WriteGroupAsync(IReadOnlyList<RawRow> rows, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        using var group = writer.CreateRowGroup();
        await ColumnAsync(RawSchema.SampleId, row => row.SampleId);
        await ColumnAsync(RawSchema.ProductId, row => row.ProductId.AsMemory());
        await ColumnAsync(RawSchema.ImageId, row => row.ImageId.AsMemory());
        await ColumnAsync(RawSchema.Text, row => row.Text.AsMemory());
        await ColumnAsync(RawSchema.Category, row => row.Category.AsMemory());
        await ColumnAsync(RawSchema.Subcategory, row => row.Subcategory.AsMemory());
        await ColumnAsync(RawSchema.CategoryId, row => row.CategoryId);
        await ColumnAsync(RawSchema.SubcategoryId, row => row.SubcategoryId);
        await ColumnAsync(BankSchema.Features, Features);
        await ListAsync(BankSchema.Positions, row => row.Vectors?.Positions ?? []);
        await ListAsync(RawSchema.ForegroundBox, row => row.ForegroundBox ?? []);
        await AlignmentsAsync(AnnotationReader.WordStart, a => a.WordStart);
        await AlignmentsAsync(AnnotationReader.WordEnd, a => a.WordEnd);
        await AlignmentsAsync(AnnotationReader.Level, a => a.Level);
        await AlignmentsAsync(AnnotationReader.Patch, a => a.Patch);
        await AlignmentsAsync(AnnotationReader.Score, a => a.Score);
        group.CompleteValidate();

        Task ColumnAsync<T>(string name, Func<RawRow, T> value) where T : struct
            => group.WriteAsync<T>(fields[name], rows.Select(value).ToArray(), null, null, cancel);

        Task AlignmentsAsync<T>(string name, Func<Alignment, T> value) where T : struct
            => ListAsync<T>(RawSchema.Alignments, row => [.. row.Alignments.Select(value)], $"/{name}");

        Task ListAsync<T>(string name, Func<RawRow, IReadOnlyList<T>> list, string fieldOfElement = "") where T : struct
            => ListColumn.WriteAsync(group, fields[$"{name}/list/element{fieldOfElement}"], rows.Select(list), cancel);
    }

    /// <summary>Writes the footer.</summary>
    public ValueTask DisposeAsync() => writer.DisposeAsync();

    private ReadOnlyMemory<byte> Features(RawRow row) => row.Vectors switch
    {
        null => default,
        { Features: var features, Positions.Count: BankSchema.PositionCount } when features.Length == featureBytes => features,
        { Features.Length: var found } => throw new ArgumentException($"Row {row.SampleIndex} has {found} bytes of vectors; expected {featureBytes}.", nameof(row)),
    };
}
