using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

/// <summary>What a drawn product lies on.</summary>
internal enum Backdrop
{
    /// <summary>One colour.</summary>
    Uniform,

    /// <summary>One colour and noise of up to 12 of 255 in each channel.</summary>
    Noisy,

    /// <summary>A colour that changes by 30 to 90 of 255 from one side to the other.</summary>
    Gradient,

    /// <summary>Stripes or checks of two colours 30 to 60 of 255 apart.</summary>
    Textured,
}

/// <summary>A picture of a garment-like shape on a backdrop, and where the shape is: the box of its own opaque pixels.</summary>
internal sealed record DrawnProduct(Picture Picture, PixelBox Truth) : IDisposable
{
    /// <summary>Draws a product; the same key gives the same picture.</summary>
    public static DrawnProduct Of(Backdrop backdrop, ulong key)
    {
        var random = new KeyedRandom(key, RandomPurpose.Import, (ulong)backdrop, 77);
        var (width, height) = (96 + random.Next(161), 96 + random.Next(161));
        var background = Background(backdrop, width, height, ref random, out var baseColor);
        using var product = Shape(width, height, baseColor, backdrop == Backdrop.Textured ? 110 : 60, ref random);

        var (picture, colors) = (new Picture(width, height), product.Pixels);
        int left = width, top = height, right = 0, bottom = 0;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (color, behind) = (colors[y * width + x], background(x, y));
                var pixel = picture.Row(y).Slice(3 * x, 3);
                (pixel[0], pixel[1], pixel[2]) = (Over(color.Red, behind.Red), Over(color.Green, behind.Green), Over(color.Blue, behind.Blue));
                if (color.Alpha >= 128)
                    (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x + 1), Math.Max(bottom, y + 1));

                byte Over(byte front, byte back) => (byte)((front * color.Alpha + back * (255 - color.Alpha)) / 255);
            }
        }

        return new DrawnProduct(picture, new PixelBox(left, top, right, bottom));
    }

    /// <summary>Overlap of a box with the true one as the generator pads it: intersection over union, 0..1.</summary>
    public double Overlap(PixelBox box)
    {
        var (padX, padY) = ((int)Math.Round(0.05 * Truth.Width), (int)Math.Round(0.05 * Truth.Height));
        var (x1, y1) = (Math.Max(0, Truth.X1 - padX), Math.Max(0, Truth.Y1 - padY));
        var (x2, y2) = (Math.Min(Picture.Width, Truth.X2 + padX), Math.Min(Picture.Height, Truth.Y2 + padY));
        var common = Math.Max(0, Math.Min(x2, box.X2) - Math.Max(x1, box.X1)) * (double)Math.Max(0, Math.Min(y2, box.Y2) - Math.Max(y1, box.Y1));
        return common / ((x2 - x1) * (double)(y2 - y1) + box.Width * (double)box.Height - common);
    }

    public void Dispose() => Picture.Dispose();

    private static Func<int, int, SKColor> Background(Backdrop backdrop, int width, int height, ref KeyedRandom random, out SKColor baseColor)
    {
        var color = new SKColor((byte)(40 + random.Next(216)), (byte)(40 + random.Next(216)), (byte)(40 + random.Next(216)));
        baseColor = color;
        var (dx, dy) = (random.NextDouble() * 2 - 1, random.NextDouble() * 2 - 1);
        var change = 30 + random.Next(backdrop == Backdrop.Gradient ? 61 : 31);
        var (period, checks) = (2 + random.Next(7), random.Next(2) == 0);
        var noise = new byte[3 * width * height];
        for (var i = 0; i < noise.Length; i++)
            noise[i] = (byte)random.Next(25);
        return backdrop switch
        {
            Backdrop.Uniform => (_, _) => color,
            Backdrop.Noisy => (x, y) => new SKColor(Add(color.Red, Noise(x, y, 0)), Add(color.Green, Noise(x, y, 1)), Add(color.Blue, Noise(x, y, 2))),
            Backdrop.Gradient => (x, y) => Shift((int)(change * (dx * ((double)x / width - 0.5) + dy * ((double)y / height - 0.5)) / (Math.Abs(dx) + Math.Abs(dy)))),
            _ => (x, y) => Shift((x / period + (checks ? y / period : 0)) % 2 == 0 ? change / 2 : -change / 2),
        };

        int Noise(int x, int y, int channel) => noise[3 * (y * width + x) + channel] - 12;
        SKColor Shift(int by) => new(Add(color.Red, by), Add(color.Green, by), Add(color.Blue, by));
        static byte Add(byte value, int by) => (byte)Math.Clamp(value + by, 0, 255);
    }

    // A shirt, a dress, a bag or a shoe in two colours, both well away from the backdrop's.
    private static SKBitmap Shape(int width, int height, SKColor backdrop, int contrast, ref KeyedRandom random)
    {
        var bitmap = new SKBitmap(width, height);
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint { IsAntialias = true };
        canvas.Clear(SKColors.Transparent);
        var (w, h) = (width * (0.35f + 0.45f * (float)random.NextDouble()), height * (0.35f + 0.45f * (float)random.NextDouble()));
        canvas.Translate((width - w) * (float)random.NextDouble(), (height - h) * (float)random.NextDouble());
        paint.Color = Contrasting(ref random);
        var kind = random.Next(4);
        string[] outlines =
        [
            "M .3 0 L .7 0 L 1 .25 L .85 .45 L .75 .35 L .75 1 L .25 1 L .25 .35 L .15 .45 L 0 .25 Z",
            "M .35 0 L .65 0 L .62 .4 L 1 1 L 0 1 L .38 .4 Z",
            "M .1 .35 C .1 -.12 .9 -.12 .9 .35 L 1 .35 L 1 1 L 0 1 L 0 .35 Z",
            "M 0 .1 L .3 0 C .4 .4 .7 .5 .9 .6 C 1 .65 1 1 1 1 L 0 1 Z",
        ];
        using var path = SKPath.ParseSvgPathData(outlines[kind]);
        path.Transform(SKMatrix.CreateScale(w, h));
        canvas.DrawPath(path, paint);
        canvas.ClipPath(path);
        paint.Color = Contrasting(ref random);
        for (var stripe = 0; stripe < 3; stripe++)
            canvas.DrawRect(0, h * (0.3f + 0.25f * stripe), w, h * 0.08f, paint);
        return bitmap;

        SKColor Contrasting(ref KeyedRandom random)
        {
            while (true)
            {
                var color = new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
                if (Math.Abs(color.Red - backdrop.Red) + Math.Abs(color.Green - backdrop.Green) + Math.Abs(color.Blue - backdrop.Blue) >= 2 * contrast)
                    return color;
            }
        }
    }
}
