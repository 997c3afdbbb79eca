namespace KaleidoDist.Data;

/// <summary>A static row: its number in the source, and a value for every column of its variant.</summary>
/// <param name="RowId">0-based number of the row among all lines of the source.</param>
/// <param name="Values"><c>int[]</c>, <c>float[]</c> or <c>string</c>, in the order of the columns.</param>
internal sealed record StaticRow(long RowId, IReadOnlyList<object> Values)
{
    /// <summary>The value of a column.</summary>
    public T Value<T>(int column) => (T)Values[column];
}
