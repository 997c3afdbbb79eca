// Reads the picture and text columns of Parquet files with DuckDB, the peer of 'kaleido bench data'.
// Arguments: the files. Commands, a line each: 'read THREADS ROWS PASSES', answered with the seconds it took.
using System.Diagnostics;
using System.Globalization;
using DuckDB.NET.Data;

using var connection = new DuckDBConnection("DataSource=:memory:");
connection.Open();
var files = string.Join(", ", args.Select(file => $"'{file.Replace("'", "''", StringComparison.Ordinal)}'"));
Console.WriteLine("ready");
while (Console.ReadLine() is { } line)
{
    var words = line.Split(' ').Skip(1).Select(word => int.Parse(word, CultureInfo.InvariantCulture)).ToArray();
    var (threads, rows, passes) = (words[0], words[1], words[2]);
    Execute($"SET threads = {threads}");
    var begin = Stopwatch.GetTimestamp();
    for (var pass = 0; pass < passes; pass++)
        Read(rows);
    Console.WriteLine(Stopwatch.GetElapsedTime(begin).TotalSeconds.ToString(CultureInfo.InvariantCulture));
}

void Execute(string sql)
{
    using var command = connection.CreateCommand();
    command.CommandText = sql;
    command.ExecuteNonQuery();
}

// Every picture arrives as bytes of managed memory, every text as a string: what a decoder and a tokenizer take.
void Read(int rows)
{
    using var command = connection.CreateCommand();
    command.CommandText = $"SELECT image, text FROM read_parquet([{files}]) LIMIT {rows}";
    command.UseStreamingMode = true;
    using var reader = command.ExecuteReader();
    var buffer = new byte[1 << 20];
    var count = 0;
    for (; reader.Read(); count++)
    {
        using (var image = reader.GetStream(0))
        {
            if (image.Length > buffer.Length)
                buffer = new byte[image.Length];
            image.ReadExactly(buffer, 0, (int)image.Length);
        }

        _ = reader.GetString(1);
    }

    if (count != rows)
        throw new InvalidOperationException($"DuckDB read {count} rows; expected {rows}.");
}
