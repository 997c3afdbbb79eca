using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>Reads the columns of one row group.</summary>
internal sealed class ColumnReader(ParquetRowGroupReader reader, ShardFile file, RowGroupLocation location, CancellationToken cancel)
{
    /// <summary>Values of a list column a row may have on average; a damaged count is refused before memory is asked for.</summary>
    private const int MaxAverageListLength = 4096;

    /// <summary>A column without nulls. Files of other writers declare columns nullable as a habit; that alone is no error.</summary>
    /// <exception cref="KaleidoException">There is a null.</exception>
    public async ValueTask<T[]> ReadAsync<T>(string name) where T : struct
    {
        var field = file.Field(name)!;
        var values = new T[location.RowCount];
        if (field.MaxDefinitionLevel == 0)
        {
            await reader.ReadRawAsync<T>(field, values, null, null, cancel);
            return values;
        }

        var levels = new int[location.RowCount];
        await reader.ReadRawAsync<T>(field, values, levels, null, cancel);
        var missing = Array.FindIndex(levels, level => level < field.MaxDefinitionLevel);
        return missing < 0
            ? values
            : throw new KaleidoException($"Row {missing} of row group {location.GroupInFile} of '{file.Path}' has no '{name}' (null); expected a value in every row. Import the data set again without this row.");
    }

    /// <summary>A column of strings that may be missing or have nulls, which read as empty.</summary>
    public async ValueTask<ReadOnlyMemory<char>[]> ReadOptionalAsync(string name)
    {
        var result = new ReadOnlyMemory<char>[location.RowCount];
        if (file.Field(name) is not { } field)
            return result;
        if (field.MaxDefinitionLevel == 0)
        {
            await reader.ReadRawAsync<ReadOnlyMemory<char>>(field, result, null, null, cancel);
            return result;
        }

        // Values of nulls are left out: the levels say which rows the others belong to.
        var values = new ReadOnlyMemory<char>[location.RowCount];
        var levels = new int[location.RowCount];
        await reader.ReadRawAsync<ReadOnlyMemory<char>>(field, values, levels, null, cancel);
        for (int row = 0, next = 0; row < levels.Length; row++)
        {
            if (levels[row] == field.MaxDefinitionLevel)
                result[row] = values[next++];
        }

        return result;
    }

    /// <summary>A list column: the elements of every row, none for a row without a list.</summary>
    public async ValueTask<List<T>[]> ReadListsAsync<T>(DataField element) where T : struct
    {
        var count = reader.GetMetadata(element)?.MetaData?.NumValues ?? 0;
        if (count > (long)location.RowCount * MaxAverageListLength)
            throw new KaleidoException($"Column '{element.Path}' of row group {location.GroupInFile} of '{file.Path}' has {count:N0} values in {location.RowCount:N0} rows; expected at most {MaxAverageListLength} a row.");
        var values = new T[count];
        var definitions = new int[count];
        var repetitions = new int[count];
        await reader.ReadRawAsync<T>(element, values, definitions, repetitions, cancel);

        // A repetition level of 0 begins a row; only entries of the highest definition level have a value (Dremel encoding).
        var rows = new List<T>[location.RowCount];
        var row = -1;
        for (int i = 0, next = 0; i < definitions.Length; i++)
        {
            if (repetitions[i] == 0)
                rows[++row] = [];
            if (definitions[i] == element.MaxDefinitionLevel)
                rows[row].Add(values[next++]);
        }

        return rows;
    }
}
