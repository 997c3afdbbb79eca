using System.Globalization;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Turns <c>kaleido-static</c> files back into tab-separated rows, in the order they are stored, numbers with a fraction with five
/// decimals as the released rows have them: what was imported in order comes back byte for byte (numbers below 128 in magnitude;
/// float32 has fewer than five decimals above).
/// </summary>
public static class StaticExporter
{
    private const string NumberFormat = "F5";

    /// <summary>Bytes that hold any number: float32 has 39 digits before the point.</summary>
    private const int NumberBytes = 64;

    /// <summary>Writes the rows of a data set into a text file, which appears when it is whole.</summary>
    /// <param name="pathOrGlob">A Parquet file, a folder of them, or a pattern.</param>
    /// <param name="outputFile">The text file.</param>
    /// <param name="overwrite">Whether it is replaced when it is there; refused otherwise.</param>
    /// <param name="progress">Rows done.</param>
    /// <param name="cancel">Stops between row groups; nothing is left then.</param>
    /// <returns>Rows written.</returns>
    /// <exception cref="KaleidoException">A file cannot be read or is of another kind of rows than the first, or the output is there.</exception>
    public static async Task<long> ExportAsync(
        string pathOrGlob, string outputFile, bool overwrite = false, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        if (!overwrite && File.Exists(outputFile))
            throw KaleidoException.Usage($"'{outputFile}' is there already; expected a new file. Choose another name or pass --overwrite.");
        var files = DatasetFiles.Find(pathOrGlob);
        var temporary = $"{outputFile}.partial";
        try
        {
            long rows = 0;
            await using (var output = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20))
            {
                StaticVariant? variant = null;
                foreach (var (path, _) in files)
                {
                    await using var file = await StaticParquetFile.OpenAsync(path, cancel);
                    if ((variant ??= file.Variant) != file.Variant)
                        throw KaleidoException.Usage($"'{path}' has {StaticSchema.NameOf(file.Variant)} rows; expected {StaticSchema.NameOf(variant.Value)} rows as in '{files[0].Path}'. Export them one by one.");
                    for (var group = 0; group < file.RowGroupCount; group++)
                    {
                        foreach (var row in await file.ReadAsync(group, cancel))
                        {
                            Write(row, output);
                            rows++;
                            progress?.Report(new ImportProgress(rows, files.Count == 1 ? file.RowCount : 0));
                        }
                    }
                }
            }

            File.Move(temporary, outputFile, overwrite);
            return rows;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static void Write(StaticRow row, Stream output)
    {
        for (var i = 0; i < row.Values.Count; i++)
        {
            if (i > 0)
                output.WriteByte((byte)'\t');
            switch (row.Values[i])
            {
                case int[] numbers:
                    WriteNumbers<int>(numbers, format: default, output);
                    break;
                case float[] numbers:
                    WriteNumbers<float>(numbers, NumberFormat, output);
                    break;
                case string text:
                    WriteText(text, output);
                    break;
            }
        }

        output.WriteByte((byte)'\n');
    }

    private static void WriteNumbers<T>(ReadOnlySpan<T> numbers, ReadOnlySpan<char> format, Stream output) where T : IUtf8SpanFormattable
    {
        Span<byte> bytes = stackalloc byte[NumberBytes];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (i > 0)
                output.WriteByte((byte)',');
            numbers[i].TryFormat(bytes, out var length, format, CultureInfo.InvariantCulture);
            output.Write(bytes[..length]);
        }
    }

    /// <summary>Texts of the released rows have no tabs and line ends; one that has would break its row.</summary>
    private static void WriteText(string text, Stream output) => output.Write(Encoding.UTF8.GetBytes(text.Replace('\t', ' ').ReplaceLineEndings(" ")));
}
