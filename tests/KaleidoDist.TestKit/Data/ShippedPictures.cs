using KaleidoDist.Data;

namespace KaleidoDist.TestKit;

/// <summary>The first of the pictures that come with the repository, as a small data set.</summary>
public static class ShippedPictures
{
    /// <summary>Writes a file of them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rows">Rows: at most those of a shipped row group.</param>
    /// <param name="rowsPerGroup">Rows of a row group.</param>
    /// <param name="damaged">A row whose picture does not decode; null for none.</param>
    public static async Task WriteAsync(string path, int rows, int rowsPerGroup, int? damaged = null)
    {
        var shipped = DatasetIndexer.Index(Repository.PathOf("configs", "data", "openclipart", "valid"));
        await using var reader = new RowGroupReader(shipped, new RowGroupTable(shipped), groupCapacity: 1);
        await using var writer = await RawParquetWriter.CreateAsync(path, rowsPerGroup);
        foreach (var row in (await reader.ReadAsync(0)).Rows.Take(rows))
        {
            await writer.AddAsync(new RawRecord
            {
                SampleId = 100 + row.SampleIndex,
                ProductId = row.ProductId,
                ImageId = $"image-{row.SampleIndex}",
                Image = row.SampleIndex == damaged ? new byte[] { 1, 2, 3 } : row.Image,
                Width = 1,
                Height = 1,
                Text = row.Text,
                Category = row.Category,
                Subcategory = row.Subcategory,
                CategoryId = row.CategoryId,
                SubcategoryId = row.SubcategoryId,
            });
        }

        await writer.CompleteAsync();
    }
}
