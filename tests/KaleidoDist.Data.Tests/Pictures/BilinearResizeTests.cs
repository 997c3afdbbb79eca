using KaleidoDist.TestKit;

namespace KaleidoDist.Data.Tests;

public sealed class BilinearResizeTests
{
    private static readonly GoldenTensors Golden = new(Path.Combine(AppContext.BaseDirectory, "Pictures", "bilinear.safetensors"));

    [Theory]
    [InlineData(7, 5, 16)]
    [InlineData(40, 64, 16)]
    [InlineData(30, 30, 30)]
    [InlineData(1, 3, 8)]
    public void ItIsPyTorchsBilinearInterpolationWithAntialiasing(int height, int width, int side)
    {
        using var picture = Numbers(height, width, 0, 0);
        var resized = new float[3 * side * side];
        new BilinearResize(side).Resize(picture, picture.Bounds, resized);
        var expected = Golden.Floats($"{height}x{width}to{side}");
        Assert.All(expected.Zip(resized), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void PixelsOutsideTheBoxDoNotMatter()
    {
        using var alone = Numbers(7, 5, 0, 0);
        using var within = Numbers(7, 5, 3, 2);
        float[] expected = new float[3 * 16 * 16], resized = new float[3 * 16 * 16];
        var resize = new BilinearResize(16);
        resize.Resize(alone, alone.Bounds, expected);
        resize.Resize(within, new PixelBox(3, 2, 8, 9), resized);
        Assert.Equal(expected, resized);
    }

    // A frame of black around a picture of numbers, which the golden pictures count channels first.
    private static Picture Numbers(int height, int width, int left, int top)
    {
        return Drawn.Picture(width + (2 * left), height + (2 * top), (x, y) => (Value(0, x - left, y - top), Value(1, x - left, y - top), Value(2, x - left, y - top)));

        int Value(int channel, int x, int y) => x < 0 || x >= width || y < 0 || y >= height
            ? 0
            : (int)(256 * GoldenNumbers.Uniform((uint)(height * width), (uint)((((channel * height) + y) * width) + x)));
    }
}
