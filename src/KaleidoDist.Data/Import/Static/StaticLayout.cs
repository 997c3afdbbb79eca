using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>How static rows are written: columns of numbers as lists of a fixed length.</summary>
internal sealed class StaticLayout(StaticVariant variant) : IShardLayout<StaticRow>
{
    /// <summary>The importer's kind of source.</summary>
    public const string SourceKind = "static-tsv";

    private readonly IReadOnlyList<StaticColumn> columns = StaticSchema.Columns(variant);

    /// <inheritdoc/>
    public ParquetSchema Schema => StaticSchema.Parquet(variant);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>
    {
        [RawSchema.NameKey] = StaticSchema.Name,
        [RawSchema.VersionKey] = StaticSchema.Version,
        [RawSchema.SourceKey] = SourceKind,
        [StaticSchema.VariantKey] = StaticSchema.NameOf(variant),
    };

    /// <inheritdoc/>
    public async Task WriteGroupAsync(ParquetRowGroupWriter group, IReadOnlyList<DataField> fields, IReadOnlyList<StaticRow> rows, CancellationToken cancel)
    {
        await group.WriteAsync<long>(fields[0], rows.Select(r => r.RowId).ToArray(), null, null, cancel);
        for (var i = 0; i < columns.Count; i++)
        {
            var column = i;
            await (columns[i].Type switch
            {
                StaticType.Int => WriteListsAsync(fields[i + 1], columns[i].Length, rows.Select(r => r.Value<int[]>(column))),
                StaticType.Float => WriteListsAsync(fields[i + 1], columns[i].Length, rows.Select(r => r.Value<float[]>(column))),
                _ => group.WriteAsync<ReadOnlyMemory<char>>(fields[i + 1], rows.Select(r => r.Value<string>(column).AsMemory()).ToArray(), null, null, cancel),
            });
        }

        // A repetition level of 0 begins a row; every entry is there, so all have the highest definition level (Dremel encoding).
        Task WriteListsAsync<T>(DataField field, int length, IEnumerable<T[]> lists) where T : struct
        {
            var values = new T[rows.Count * length];
            var definitions = new int[values.Length];
            var repetitions = new int[values.Length];
            Array.Fill(definitions, field.MaxDefinitionLevel);
            Array.Fill(repetitions, field.MaxRepetitionLevel);
            var offset = 0;
            foreach (var list in lists)
            {
                list.CopyTo(values, offset);
                repetitions[offset] = 0;
                offset += length;
            }

            return group.WriteAllPartsAsync<T>(field, values, definitions, repetitions, cancel);
        }
    }
}
