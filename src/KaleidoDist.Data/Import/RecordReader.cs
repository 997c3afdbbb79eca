namespace KaleidoDist.Data;

/// <summary>Makes the record of a row: its text from the spool, its picture from the source, converted.</summary>
internal sealed class RecordReader(
    ImportSource source, PictureOptions pictures, RowSpool spool, RowIndex index, CategoryNumbers categories, Action<SkippedRow> skip)
{
    /// <summary>The record, or null when its picture cannot be used.</summary>
    public async ValueTask<RawRecord?> ReadAsync(int row, CancellationToken cancel)
    {
        var text = spool.Read(index.Offset(row));
        var image = await source.ReadImageAsync(text, cancel);
        var picture = PictureConverter.Convert(image, pictures, out var refusal);
        PixelBox? box = null;
        if (picture is not null && text.ForegroundBox is { } given && (box = picture.Placement!.Place(given)) is null)
            (picture, refusal) = (null, new NoImage(SkipReason.OutOfRange, $"foreground box [{given.X1}, {given.Y1}, {given.X2}, {given.Y2}] lies outside the picture"));
        if (picture is null)
        {
            skip(new SkippedRow(Path.GetFileName(source.RowsName), text.Line, refusal!.Reason, text.Image.Length > 0 ? $"{refusal.Detail}: {text.Image}" : refusal.Detail));
            return null;
        }

        var imageIndex = index.ImageIndex(row);
        return new RawRecord
        {
            SampleId = row,
            ProductId = text.ProductId,
            ImageId = text.Image.Length > 0 ? text.Image : $"{text.ProductId}_{imageIndex}",
            ImageIndex = imageIndex,
            Image = picture.Bytes,
            Width = picture.Width,
            Height = picture.Height,
            Text = text.Text,
            Attributes = text.Attributes,
            ForegroundBox = box is { } placed ? [placed.X1, placed.Y1, placed.X2, placed.Y2] : null,
            Alignments = text.Alignments,
            Category = text.Category,
            Subcategory = text.Subcategory,
            CategoryId = categories.CategoryId(index.Pair(row)),
            SubcategoryId = categories.SubcategoryId(index.Pair(row)),
            Split = index.Split(row).FolderName(),
        };
    }
}
