using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

/// <summary>Pictures and rows made of nothing but numbers.</summary>
internal static class Drawn
{
    /// <summary>A picture of random blocks on white; different for every key.</summary>
    public static byte[] Product(ulong key, int side = 112, SKEncodedImageFormat format = SKEncodedImageFormat.Jpeg)
    {
        using var bitmap = new SKBitmap(side, side);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        using var paint = new SKPaint();
        var random = new KeyedRandom(key, RandomPurpose.Import);
        const int cells = 9;
        var cell = (side - 16f) / cells;
        for (var i = 0; i < cells * cells; i++)
        {
            paint.Color = new SKColor((byte)random.Next(220), (byte)random.Next(220), (byte)random.Next(220));
            canvas.DrawRect(8 + i % cells * cell, 8 + i / cells * cell, cell + 1, cell + 1, paint);
        }

        return Encode(bitmap, format);
    }

    public static byte[] Encode(SKBitmap bitmap, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using var data = bitmap.Encode(format, 90);
        return data.ToArray();
    }

    /// <summary>A picture whose pixels are given by a function.</summary>
    public static Picture Picture(int width, int height, Func<int, int, (int R, int G, int B)> color)
    {
        var picture = new Picture(width, height);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (r, g, b) = color(x, y);
                var pixel = picture.Row(y)[(3 * x)..];
                (pixel[0], pixel[1], pixel[2]) = ((byte)r, (byte)g, (byte)b);
            }
        }

        return picture;
    }

    /// <summary>A row group of distinct products in sub-categories 0..2, each with a text of its own.</summary>
    public static RowGroup Group(int count, long firstSample = 0) => new(firstSample / Math.Max(1, count), [.. Enumerable.Range(0, count).Select(i => Row(firstSample + i))]);

    public static RawRow Row(long sample) => new()
    {
        SampleIndex = sample,
        ProductId = $"product-{sample}",
        Image = Product((ulong)sample),
        Text = Text(sample),
        Category = "tops",
        Subcategory = $"kind-{sample % 3}",
        SubcategoryId = (int)(sample % 3),
    };

    public static string Text(long sample)
    {
        string[] words = ["red", "cotton", "dress", "with", "zigzagging", "sleeves", "and", "a", "crewneck", "collar", "in", "black", "leather"];
        var random = new KeyedRandom((ulong)sample, RandomPurpose.Import, 1);
        var length = 3 + random.Next(40);
        return $"article {sample} " + string.Join(' ', Enumerable.Range(0, length).Select(_ => words[random.Next(words.Length)]));
    }
}
