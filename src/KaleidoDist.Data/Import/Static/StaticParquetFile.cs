using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>An open <c>kaleido-static</c> file whose metadata and columns were checked. Row groups are read one at a time.</summary>
internal sealed class StaticParquetFile : IAsyncDisposable
{
    private readonly FileStream stream;
    private readonly ParquetReader reader;
    private readonly DataField[] fields;
    private readonly IReadOnlyList<StaticColumn> columns;

    private StaticParquetFile(FileStream stream, ParquetReader reader)
    {
        this.stream = stream;
        this.reader = reader;
        SchemaVersion.Check(stream.Name, reader.CustomMetadata, StaticSchema.Name, StaticSchema.Version);
        var name = reader.CustomMetadata.GetValueOrDefault(StaticSchema.VariantKey, "");
        Variant = StaticSchema.Named(name)
            ?? throw KaleidoException.Usage($"'{stream.Name}' does not say what static rows it has (found '{name}'); expected a file of 'kaleido data import-static'.");
        columns = StaticSchema.Columns(Variant);
        fields = CheckedFields();
    }

    /// <summary>What the rows are.</summary>
    public StaticVariant Variant { get; }

    /// <summary>Row groups.</summary>
    public int RowGroupCount => reader.RowGroupCount;

    /// <summary>Rows of all row groups.</summary>
    public long RowCount => reader.RowGroups.Sum(g => g.RowGroup.NumRows);

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="KaleidoException">It is missing, damaged, of another schema or of a later version.</exception>
    public static async Task<StaticParquetFile> OpenAsync(string path, CancellationToken cancel)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        try
        {
            ParquetFooter.Read(stream);
            return new StaticParquetFile(stream, await ParquetReader.CreateAsync(stream, new ParquetOptions(), leaveStreamOpen: true, cancel));
        }
        catch (Exception error)
        {
            await stream.DisposeAsync();
            if (error is KaleidoException or OperationCanceledException)
                throw;
            throw KaleidoException.Usage($"'{path}' has a Parquet footer that cannot be read ({error.Message}); it is damaged. Copy or import it again.", error);
        }
    }

    /// <summary>The rows of a row group.</summary>
    /// <exception cref="KaleidoException">It is damaged, or a list is shorter or longer than its column's are.</exception>
    public async Task<IReadOnlyList<StaticRow>> ReadAsync(int group, CancellationToken cancel)
    {
        try
        {
            using var groupReader = reader.OpenRowGroupReader(group);
            var count = checked((int)groupReader.RowCount);
            if (count > DatasetIndexer.MaxRowGroupRows)
                throw KaleidoException.Usage($"Row group {group} of '{stream.Name}' has {count:N0} rows; expected at most {DatasetIndexer.MaxRowGroupRows:N0}. It is damaged: import it again.");
            var ids = new long[count];
            await groupReader.ReadRawAsync<long>(fields[0], ids, null, null, cancel);
            var values = new object[columns.Count][];
            for (var i = 0; i < columns.Count; i++)
            {
                values[i] = columns[i].Type switch
                {
                    StaticType.Int => await ReadListsAsync<int>(groupReader, group, i, count, cancel),
                    StaticType.Float => await ReadListsAsync<float>(groupReader, group, i, count, cancel),
                    _ => await ReadTextsAsync(groupReader, fields[i + 1], count, cancel),
                };
            }

            return [.. ids.Select((id, row) => new StaticRow(id, [.. values.Select(v => v[row])]))];
        }
        catch (Exception error) when (error is not (OperationCanceledException or KaleidoException))
        {
            throw new KaleidoException($"Row group {group} of '{stream.Name}' cannot be read ({error.Message}); the file is damaged. Copy or import it again.", ExitCode.Failed, error);
        }
    }

    /// <summary>Closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        await reader.DisposeAsync();
        await stream.DisposeAsync();
    }

    private DataField[] CheckedFields()
    {
        var expected = StaticSchema.Parquet(Variant).DataFields;
        var found = reader.Schema.DataFields;
        for (var i = 0; i < expected.Length; i++)
        {
            if (i >= found.Length || found[i].Path.ToString() != expected[i].Path.ToString() || found[i].ClrType != expected[i].ClrType || found[i].MaxRepetitionLevel != expected[i].MaxRepetitionLevel)
                throw KaleidoException.Usage($"Column {i} of '{stream.Name}' is {(i < found.Length ? $"{found[i].Path} ({RawSchema.TypeName(found[i])})" : "missing")}; expected {expected[i].Path} ({RawSchema.TypeName(expected[i])}). Import it again with 'kaleido data import-static'.");
        }

        return found;
    }

    private async Task<object[]> ReadListsAsync<T>(ParquetRowGroupReader groupReader, int group, int column, int count, CancellationToken cancel) where T : struct
    {
        var (field, length) = (fields[column + 1], columns[column].Length);
        var found = groupReader.GetMetadata(field)?.MetaData?.NumValues ?? 0;
        if (found != (long)count * length)
            throw Uneven(found);
        var values = new T[found];
        var definitions = new int[found];
        var repetitions = new int[found];
        await groupReader.ReadRawAsync<T>(field, values, definitions, repetitions, cancel);
        for (var i = 0; i < values.Length; i++)
        {
            if (definitions[i] != field.MaxDefinitionLevel || repetitions[i] == 0 != (i % length == 0))
                throw Uneven(found);
        }

        return [.. Enumerable.Range(0, count).Select(row => values.AsSpan(row * length, length).ToArray())];

        KaleidoException Uneven(long total)
            => new($"Column '{columns[column].Name}' of row group {group} of '{stream.Name}' has {total:N0} numbers for {count:N0} rows; expected {length:N0} in every row. Import it again.");
    }

    private static async Task<object[]> ReadTextsAsync(ParquetRowGroupReader groupReader, DataField field, int count, CancellationToken cancel)
    {
        var texts = new ReadOnlyMemory<char>[count];
        await groupReader.ReadRawAsync<ReadOnlyMemory<char>>(field, texts, null, null, cancel);
        return [.. texts.Select(t => t.ToString())];
    }
}
