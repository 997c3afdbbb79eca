using System.Globalization;
using System.Text;

namespace KaleidoDist.Data;

/// <summary>
/// Reads the texts of the Kaleido-BERT raw release: a line a picture, seven columns between bytes 0x01 (product, image, category and
/// its number, sub-category and its number, description).
/// </summary>
internal static class InfoReader
{
    /// <summary>Longest line in bytes.</summary>
    public const int MaxRowBytes = 1 << 20;

    /// <summary>Largest number of a category: a classifier has a row of weights for each.</summary>
    public const int MaxCategoryId = ushort.MaxValue;

    private const byte Separator = 1;
    private const int ColumnCount = 7;
    private const int ProductColumn = 0, ImageColumn = 1, CategoryColumn = 2, CategoryIdColumn = 3, SubcategoryColumn = 4, SubcategoryIdColumn = 5, TextColumn = 6;
    private static readonly string[] ColumnNames = ["product_id", "image_id", "category", "category_id", "sub_category", "sub_category_id", "description"];

    /// <summary>All usable rows in file order; the others go to <paramref name="skip"/>.</summary>
    public static IEnumerable<SourceRow> Read(string path, DataSplit? split, Action<SkippedRow> skip)
    {
        foreach (var line in LineReader.Read(path, MaxRowBytes))
        {
            if (line is { IsTooLong: false, Bytes.IsEmpty: true })
                continue;
            if (Parse(line, out var reason, out var detail) is { } row)
                yield return row with { Split = split };
            else
                skip(new SkippedRow(Path.GetFileName(path), line.Number, reason, detail));
        }
    }

    private static SourceRow? Parse(ByteLine line, out SkipReason reason, out string detail)
    {
        var columns = line.IsTooLong ? [] : Split(line.Bytes.Span);
        int category = 0, subcategory = 0;
        if (line.IsTooLong)
            (reason, detail) = (SkipReason.TooLong, $"line has more than {MaxRowBytes:N0} bytes");
        else if (line.Bytes.Span.Contains((byte)0))
            (reason, detail) = (SkipReason.NulByte, "line has a byte 0");
        else if (columns.Length != ColumnCount)
            (reason, detail) = (SkipReason.WrongCount, $"{columns.Length} columns; expected {ColumnCount} between bytes 0x01");
        else if (Array.FindIndex(columns, c => c.Length == 0) is >= 0 and var empty)
            (reason, detail) = (SkipReason.MissingValue, $"no {ColumnNames[empty]}");
        else if (!TryNumber(columns, CategoryIdColumn, out category, out reason, out detail) || !TryNumber(columns, SubcategoryIdColumn, out subcategory, out reason, out detail))
            return null;
        else
            return new SourceRow(line.Number, columns[ImageColumn], columns[TextColumn], columns[ProductColumn], columns[CategoryColumn], columns[SubcategoryColumn])
            {
                Numbers = (category, subcategory),
            };
        return null;
    }

    private static string[] Split(ReadOnlySpan<byte> line)
    {
        var columns = new List<string>(ColumnCount);
        foreach (var range in line.Split(Separator))
            columns.Add(ForeignText.Decode(line[range]).Trim());
        return [.. columns];
    }

    private static bool TryNumber(string[] columns, int column, out int number, out SkipReason reason, out string detail)
    {
        (reason, detail) = (SkipReason.NotANumber, $"{ColumnNames[column]} '{columns[column]}' is no number");
        if (!int.TryParse(columns[column], NumberStyles.None, CultureInfo.InvariantCulture, out number))
            return false;
        (reason, detail) = (SkipReason.OutOfRange, $"{ColumnNames[column]} {number} is outside 0 to {MaxCategoryId}");
        return number <= MaxCategoryId;
    }
}
