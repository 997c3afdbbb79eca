using Google.Protobuf.WellKnownTypes;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>A table without lines: readable on a terminal, and by awk.</summary>
internal static class PlainTable
{
    /// <summary>An empty table with grey headings.</summary>
    internal static Table Create(params string[] headings)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (var heading in headings)
            table.AddColumn(new TableColumn(new Text(heading, Color.Grey)) { NoWrap = true, Padding = new Padding(0, 0, 3, 0) });
        return table;
    }

    /// <summary><c>3 m 20 s ago</c>.</summary>
    internal static string Ago(Timestamp? at, DateTimeOffset now)
        => at is null ? Units.Unknown : $"{Units.Duration(TimeSpan.FromTicks(Math.Max(0, (now - at.ToDateTimeOffset()).Ticks)))} ago";
}
