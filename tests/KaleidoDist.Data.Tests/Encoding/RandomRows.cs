using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

/// <summary>Rows that a data set might have: pictures of many sizes, formats and contents, texts of all lengths, good and bad annotations.</summary>
internal static class RandomRows
{
    private static readonly string[] Words =
    [
        "red", "navy", "cotton", "dress", "with", "zigzagging", "sleeves", "and", "a", "crewneck", "collar", "black", "pre-washed",
        "déjà", "100%", "(wool)", "extraordinarily", "ultralightweight", "日本", "straße", "N°5", "buttons,",
    ];

    /// <summary>A row group in which some products have several rows; the same key gives the same rows.</summary>
    public static RowGroup Group(ulong key, int count)
    {
        var random = new KeyedRandom(key, RandomPurpose.Import, 100);
        var rows = new List<RawRow>();
        for (var row = 0; row < count; row++)
        {
            var (width, height) = (20 + random.Next(150), 20 + random.Next(150));
            var subcategory = random.Next(3);
            rows.Add(new RawRow
            {
                SampleIndex = (long)key * count + row,
                ProductId = $"product-{random.Next(count)}",
                Image = Image(ref random, width, height),
                Text = Text(ref random),
                Subcategory = $"kind-{subcategory}",
                SubcategoryId = subcategory,
                ForegroundBox = random.Next(3) == 0 ? [random.Next(width / 2), random.Next(height / 2), width - random.Next(width / 3), height + random.Next(3) - 2] : null,
                Alignments = [.. Enumerable.Range(0, random.Next(2) * random.Next(20)).Select(_ => Alignment(ref random))],
            });
        }

        return new RowGroup((long)key, rows);

        static Alignment Alignment(ref KeyedRandom random)
        {
            var start = random.Next(20);
            return new Alignment((short)start, (short)(start + random.Next(3)), (sbyte)random.Next(7), (sbyte)(random.Next(27) - 1), 1);
        }
    }

    private static string Text(ref KeyedRandom random)
    {
        var text = new List<string>();
        for (var length = 1 + random.Next(random.Next(2) == 0 ? 6 : 60); text.Count < length;)
            text.Add(Words[random.Next(Words.Length)]);
        return string.Join(' ', text);
    }

    // Blotches of random colours on a background of its own: no two pictures share a cell.
    private static byte[] Image(ref KeyedRandom random, int width, int height)
    {
        using var bitmap = new SKBitmap(width, height);
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint { IsAntialias = true };
        canvas.Clear(Color(ref random));
        for (var i = 0; i < 60; i++)
        {
            paint.Color = Color(ref random).WithAlpha((byte)(100 + random.Next(156)));
            canvas.DrawOval(random.Next(width), random.Next(height), 2 + random.Next(width / 4), 2 + random.Next(height / 4), paint);
        }

        SKEncodedImageFormat[] formats = [SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Png, SKEncodedImageFormat.Webp];
        return Drawn.Encode(bitmap, formats[random.Next(formats.Length)]);
    }

    private static SKColor Color(ref KeyedRandom random) => new((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
}
