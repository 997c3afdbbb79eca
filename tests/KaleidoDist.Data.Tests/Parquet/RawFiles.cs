using System.Buffers.Binary;

namespace KaleidoDist.Data.Tests;

/// <summary>Small <c>kaleido-raw</c> files whose pictures are numbers: nothing here decodes them.</summary>
internal static class RawFiles
{
    public static RawRecord Record(long id) => new()
    {
        SampleId = id,
        ProductId = $"product-{id / 2}",
        ImageId = $"image-{id}",
        Image = Picture(id),
        Width = 8,
        Height = 8,
        Text = $"text of {id} é",
        Category = $"category {id % 3}",
        Subcategory = $"sub {id % 5}",
        CategoryId = (int)(id % 3),
        SubcategoryId = (int)(id % 5),
    };

    public static byte[] Picture(long id)
    {
        var bytes = new byte[8 + id % 5];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, id);
        return bytes;
    }

    /// <summary>Writes rows first, first + 1, ...; the writer makes the last row group larger rather than leave a tiny one.</summary>
    public static async Task WriteAsync(string path, int count, int rowsPerGroup, long first = 0)
    {
        await using var writer = await RawParquetWriter.CreateAsync(path, rowsPerGroup);
        for (long id = first; id < first + count; id++)
            await writer.AddAsync(Record(id));
        await writer.CompleteAsync();
    }
}
