using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>How <see cref="RawRecord"/>s are written: the columns of <see cref="RawSchema"/>, none of them compressed by itself.</summary>
internal sealed class RawLayout : IShardLayout<RawRecord>
{
    private readonly IReadOnlyCollection<string> extras;

    /// <summary>Describes files of a source.</summary>
    /// <param name="extras">Those of <see cref="RawSchema.Extras"/> that the source has.</param>
    /// <param name="source">The importer's kind of source, for the file's metadata; null where the file is not an import's.</param>
    public RawLayout(IReadOnlyCollection<string> extras, string? source)
    {
        this.extras = extras;
        var metadata = new Dictionary<string, string> { [RawSchema.NameKey] = RawSchema.Name, [RawSchema.VersionKey] = RawSchema.Version };
        if (source is not null)
            metadata.Add(RawSchema.SourceKey, source);
        Metadata = metadata;
    }

    /// <summary>Files without extra columns.</summary>
    public static RawLayout Plain { get; } = new([], source: null);

    /// <inheritdoc/>
    public ParquetSchema Schema => RawSchema.Written(extras);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public async Task WriteGroupAsync(ParquetRowGroupWriter group, IReadOnlyList<DataField> fields, IReadOnlyList<RawRecord> rows, CancellationToken cancel)
    {
        foreach (var field in fields)
        {
            await (field.Path.ToString() switch
            {
                RawSchema.SampleId => WriteAsync(r => r.SampleId),
                RawSchema.ProductId => WriteAsync(r => r.ProductId.AsMemory()),
                RawSchema.ImageId => WriteAsync(r => r.ImageId.AsMemory()),
                RawSchema.ImageIndex => WriteAsync(r => r.ImageIndex),
                RawSchema.Image => WriteAsync(r => r.Image),
                RawSchema.Width => WriteAsync(r => r.Width),
                RawSchema.Height => WriteAsync(r => r.Height),
                RawSchema.Text => WriteAsync(r => r.Text.AsMemory()),
                RawSchema.Title => WriteTextAsync(a => a.Title),
                RawSchema.Brand => WriteTextAsync(a => a.Brand),
                RawSchema.Gender => WriteTextAsync(a => a.Gender),
                RawSchema.Season => WriteTextAsync(a => a.Season),
                RawSchema.Composition => WriteTextAsync(a => a.Composition),
                RawSchema.Department => WriteTextAsync(a => a.Department),
                RawSchema.Pose => WriteTextAsync(a => a.Pose),
                RawSchema.PriceUsd => group.WriteAsync<float>(field, rows.Select(r => r.Attributes?.PriceUsd).ToArray(), null, null, cancel),
                RawSchema.Category => WriteAsync(r => r.Category.AsMemory()),
                RawSchema.Subcategory => WriteAsync(r => r.Subcategory.AsMemory()),
                RawSchema.CategoryId => WriteAsync(r => r.CategoryId),
                RawSchema.SubcategoryId => WriteAsync(r => r.SubcategoryId),
                RawSchema.Split => WriteAsync(r => r.Split.AsMemory()),
                $"{RawSchema.ForegroundBox}/list/element" => WriteListAsync(r => r.ForegroundBox ?? []),
                $"{RawSchema.Alignments}/list/element/{AnnotationReader.WordStart}" => WriteAlignmentsAsync(a => a.WordStart),
                $"{RawSchema.Alignments}/list/element/{AnnotationReader.WordEnd}" => WriteAlignmentsAsync(a => a.WordEnd),
                $"{RawSchema.Alignments}/list/element/{AnnotationReader.Level}" => WriteAlignmentsAsync(a => a.Level),
                $"{RawSchema.Alignments}/list/element/{AnnotationReader.Patch}" => WriteAlignmentsAsync(a => a.Patch),
                $"{RawSchema.Alignments}/list/element/{AnnotationReader.Score}" => WriteAlignmentsAsync(a => a.Score),
                _ => throw new InvalidOperationException($"Column {field.Path} has no value to write."),
            });

            Task WriteAsync<T>(Func<RawRecord, T> value) where T : struct
                => group.WriteAsync<T>(field, rows.Select(value).ToArray(), null, null, cancel);

            Task WriteTextAsync(Func<ProductAttributes, string?> value)
                => group.WriteAsync(field, rows.Select(r => r.Attributes is { } attributes ? value(attributes) : null).ToArray()!);

            Task WriteAlignmentsAsync<T>(Func<Alignment, T> value) where T : struct => WriteListAsync<T>(r => [.. r.Alignments.Select(value)]);

            Task WriteListAsync<T>(Func<RawRecord, IReadOnlyList<T>> list) where T : struct => ListColumn.WriteAsync(group, field, rows.Select(list), cancel);
        }
    }
}
