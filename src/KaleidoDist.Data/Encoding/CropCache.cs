using System.IO.Hashing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Decodes the pictures of rows and locks them to their foreground box (or leaves them whole), keeping the latest within a bound of bytes (first in, first
/// out). Entries are found by the content of the encoded bytes, so no row, row group or data set is confused with another.
/// </summary>
internal sealed class CropCache(int minimumSide, long capacityBytes, BoxKind box = BoxKind.Foreground)
{
    private readonly PictureDecoder decoder = new();
    private readonly Dictionary<CropKey, Picture?> crops = [];
    private readonly Queue<CropKey> arrivals = [];
    private long bytes;

    /// <summary>
    /// The crop of a row, owned by the cache and valid until the next call; null when the picture does not decode.
    /// </summary>
    public Picture? Get(RawRow row)
    {
        var key = CropKey.Of(row);
        if (crops.TryGetValue(key, out var crop))
            return crop;

        crop = Decode(row);
        var added = EntryBytes(crop);
        while (arrivals.Count > 0 && bytes + added > capacityBytes)
            Evict();
        crops.Add(key, crop);
        arrivals.Enqueue(key);
        bytes += added;
        return crop;
    }

    private Picture? Decode(RawRow row)
    {
        if (!decoder.TryDecode(row.Image.Span, minimumSide, out var picture, out _))
            return null;
        using (picture)
            return picture.Crop(box == BoxKind.Whole ? picture.Bounds : ForegroundBox.Of(row.ForegroundBox, picture));
    }

    private void Evict()
    {
        crops.Remove(arrivals.Dequeue(), out var crop);
        bytes -= EntryBytes(crop);
        crop?.Dispose();
    }

    private static long EntryBytes(Picture? crop)
    {
        const int bookkeeping = 128;
        return bookkeeping + (crop?.BufferBytes ?? 0);
    }

    private readonly record struct CropKey(UInt128 Content, PixelBox Box)
    {
        public static CropKey Of(RawRow row) => new(
            XxHash128.HashToUInt128(row.Image.Span),
            row.ForegroundBox is [var x1, var y1, var x2, var y2] ? new PixelBox(x1, y1, x2, y2) : default);
    }
}
