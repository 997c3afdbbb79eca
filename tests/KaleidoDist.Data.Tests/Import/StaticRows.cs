using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

/// <summary>Tab-separated static rows with numbers of a seed, as the released files write them.</summary>
internal static class StaticRows
{
    public static string[] Columns(StaticVariant variant, long seed)
    {
        var random = new KeyedRandom((ulong)seed, RandomPurpose.Import);
        return [.. StaticSchema.Columns(variant).Select(column => Text(column, seed, ref random))];
    }

    public static string Line(StaticVariant variant, long seed) => string.Join('\t', Columns(variant, seed));

    /// <summary>A row with one column replaced.</summary>
    public static string Line(StaticVariant variant, long seed, string column, string value)
    {
        var columns = Columns(variant, seed);
        columns[Index(variant, column)] = value;
        return string.Join('\t', columns);
    }

    public static int Index(StaticVariant variant, string column)
        => StaticSchema.Columns(variant).Select((c, i) => (c.Name, i)).Single(c => c.Name == column).i;

    private static string Text(StaticColumn column, long seed, ref KeyedRandom random)
    {
        if (column.Type == StaticType.Text)
            return $"{column.Name} {seed} é";
        var numbers = new string[column.Length];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = column.Type == StaticType.Float
                ? (random.Next(3) == 0 ? 0 : random.Next(10_000_000) / 100_000.0).ToString("F5", CultureInfo.InvariantCulture)
                : random.Next(column.Max == int.MaxValue ? 256 : column.Max + 1).ToString(CultureInfo.InvariantCulture);
        }

        return string.Join(',', numbers);
    }
}
