using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads the tab-separated text of a static row; numbers of a column are separated by commas.</summary>
internal sealed class StaticRowParser(StaticVariant variant, bool recomputeCamouflage, string file)
{
    private const byte ColumnSeparator = (byte)'\t', NumberSeparator = (byte)',';

    private readonly IReadOnlyList<StaticColumn> columns = StaticSchema.Columns(variant);

    /// <summary>The row, or null and why it is none.</summary>
    /// <exception cref="KaleidoException">The row has 35 camouflage positions and may not have them recomputed.</exception>
    public StaticRow? Parse(long rowId, ByteLine line, out SkipReason reason, out string detail)
    {
        var bytes = line.Bytes.Span;
        var found = bytes.Count(ColumnSeparator) + 1;
        if (bytes.Contains((byte)0))
            (reason, detail) = (SkipReason.NulByte, "line has a byte 0");
        else if (found != columns.Count)
            (reason, detail) = (SkipReason.WrongCount, $"{found} columns; expected {columns.Count} ({StaticSchema.NameOf(variant)})");
        else
            return Values(rowId, line, out reason, out detail);
        return null;
    }

    private StaticRow? Values(long rowId, ByteLine line, out SkipReason reason, out string detail)
    {
        (reason, detail) = (default, "");
        var bytes = line.Bytes.Span;
        var values = new object[columns.Count];
        var index = 0;
        foreach (var range in bytes.Split(ColumnSeparator))
        {
            var column = columns[index];
            object? value = column.Type switch
            {
                StaticType.Int => Ints(column, bytes[range], line.Number, out reason, out detail),
                StaticType.Float => Floats(column, bytes[range], out reason, out detail),
                _ => ForeignText.Decode(bytes[range]),
            };
            if (value is null)
                return null;
            values[index++] = value;
        }

        return Completed(rowId, values, out reason, out detail);
    }

    /// <summary>The row with nine camouflage positions.</summary>
    private StaticRow? Completed(long rowId, object[] values, out SkipReason reason, out string detail)
    {
        (reason, detail) = (SkipReason.Inconsistent, "");
        var camouflage = IndexOf(StaticSchema.CamouflagePositions);
        if (((int[])values[camouflage]).Length == columns[camouflage].Length)
            return new StaticRow(rowId, values);
        var positions = CamouflageGrid.Recompute((int[])values[IndexOf(StaticSchema.RotationPositions)], (int[])values[IndexOf(StaticSchema.JigsawPositions)], out detail);
        if (positions is null)
            return null;
        values[camouflage] = positions;
        return new StaticRow(rowId, values);
    }

    private int IndexOf(string name) => columns.Select((c, i) => (c.Name, i)).First(c => c.Name == name).i;

    private int[]? Ints(StaticColumn column, ReadOnlySpan<byte> text, long line, out SkipReason reason, out string detail)
    {
        var count = text.Count(NumberSeparator) + 1;
        if (column.Name == StaticSchema.CamouflagePositions && count == StaticSchema.ReleasedCamouflageLength)
        {
            if (!recomputeCamouflage)
                throw KaleidoException.Usage($"Line {line} of '{file}' has {count} numbers of camouflage positions, seven patches of five numbers; expected {column.Length}, nine patches. The released rows are all like this: pass --camouflage-positions recompute to compute them from the row's rotation and jigsaw positions.");
        }
        else if (count != column.Length)
        {
            (reason, detail) = (SkipReason.WrongCount, $"{column.Name} has {count} numbers; expected {column.Length}");
            return null;
        }

        var numbers = new int[count];
        var index = 0;
        foreach (var range in text.Split(NumberSeparator))
        {
            if (!int.TryParse(text[range], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            {
                (reason, detail) = (SkipReason.NotANumber, $"{column.Name} has '{Shown(text[range])}'; expected a whole number");
                return null;
            }

            if (number < column.Min || number > column.Max)
            {
                (reason, detail) = (SkipReason.OutOfRange, $"{column.Name} has {number}; expected {column.Min} to {column.Max}");
                return null;
            }

            numbers[index++] = number;
        }

        (reason, detail) = (default, "");
        return numbers;
    }

    private static float[]? Floats(StaticColumn column, ReadOnlySpan<byte> text, out SkipReason reason, out string detail)
    {
        var count = text.Count(NumberSeparator) + 1;
        if (count != column.Length)
        {
            (reason, detail) = (SkipReason.WrongCount, $"{column.Name} has {count} numbers; expected {column.Length}");
            return null;
        }

        var numbers = new float[count];
        var index = 0;
        foreach (var range in text.Split(NumberSeparator))
        {
            if (!float.TryParse(text[range], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !float.IsFinite(number))
            {
                (reason, detail) = (SkipReason.NotANumber, $"{column.Name} has '{Shown(text[range])}'; expected a finite number");
                return null;
            }

            numbers[index++] = number;
        }

        (reason, detail) = (default, "");
        return numbers;
    }

    /// <summary>The start of what should have been a number.</summary>
    private static string Shown(ReadOnlySpan<byte> text)
    {
        const int length = 20;
        return ForeignText.Decode(text[..Math.Min(length, text.Length)]);
    }
}
