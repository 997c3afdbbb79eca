using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>Writes a column of lists (Dremel encoding).</summary>
internal static class ListColumn
{
    /// <summary>Writes the elements of a row group's lists, or one field of them.</summary>
    public static Task WriteAsync<T>(ParquetRowGroupWriter group, DataField element, IEnumerable<IReadOnlyList<T>> lists, CancellationToken cancel) where T : struct
    {
        // Repetition level 0 begins a row; an empty list is present (level 1) without an element.
        const int emptyLevel = 1;
        List<T> values = [];
        List<int> definitions = [], repetitions = [];
        foreach (var list in lists)
        {
            for (var i = 0; i < Math.Max(1, list.Count); i++)
            {
                repetitions.Add(i == 0 ? 0 : 1);
                definitions.Add(list.Count == 0 ? emptyLevel : element.MaxDefinitionLevel);
            }

            values.AddRange(list);
        }

        return group.WriteAllPartsAsync<T>(element, values.ToArray(), definitions.ToArray(), repetitions.ToArray(), cancel);
    }
}
