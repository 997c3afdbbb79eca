using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data.Tests;

/// <summary>Files of other writers: few columns, possibly nullable, compressed.</summary>
internal static class ForeignFiles
{
    public static ParquetSchema Schema(bool nullable) => Schema(new DataField("image", typeof(ReadOnlyMemory<byte>), nullable), nullable);

    public static async Task WriteAsync(
        string path, string?[] products, DataField image, Func<ParquetRowGroupWriter, DataField, Task> writeImage, string?[] texts, int[] ids)
    {
        var schema = Schema(image, image.IsNullable);
        var options = new ParquetOptions { CompressionMethod = CompressionMethod.Zstd, CompressionLevel = System.IO.Compression.CompressionLevel.Fastest };
        await using var stream = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(schema, stream, options);
        using var group = writer.CreateRowGroup();
        var fields = schema.DataFields;
        await group.WriteAsync(fields[0], products!);
        await writeImage(group, fields[1]);
        await group.WriteAsync(fields[2], texts!);
        foreach (var field in fields[3..])
        {
            if (field.IsNullable)
                await group.WriteAsync<int>(field, ids.Select(i => (int?)i).ToArray());
            else
                await group.WriteAsync<int>(field, ids);
        }
    }

    private static ParquetSchema Schema(DataField image, bool nullable) => new(
        new DataField("product_id", typeof(string), nullable),
        image,
        new DataField("text", typeof(string), nullable),
        new DataField("category_id", typeof(int), nullable),
        new DataField("subcategory_id", typeof(int), nullable));
}
