using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class ForegroundBoxTests
{
    private static readonly (int, int, int) White = (255, 255, 255), Dark = (40, 60, 80);

    [Fact]
    public void TheBoxIsTheProductAndFivePercent()
    {
        using var picture = Drawn.Picture(100, 120, (x, y) => x is >= 20 and < 60 && y is >= 30 and < 90 ? Dark : White);
        Assert.Equal(new PixelBox(18, 27, 62, 93), ForegroundBox.Find(picture));
    }

    [Fact]
    public void TheBackgroundNeedNotBeWhite()
    {
        using var picture = Drawn.Picture(100, 100, (x, y) => x is >= 20 and < 80 && y is >= 40 and < 80 ? (255, 255, 255) : (200, 30, 30));
        Assert.Equal(new PixelBox(17, 38, 83, 82), ForegroundBox.Find(picture));
    }

    [Fact]
    public void NoiseUnderTheThresholdIsBackground()
    {
        using var picture = Drawn.Picture(100, 100, (x, y) => x is >= 20 and < 60 && y is >= 20 and < 60 ? Dark : ((x * 7 + y * 13) % 12 + 240, 246, 246));
        Assert.Equal(new PixelBox(18, 18, 62, 62), ForegroundBox.Find(picture));
    }

    [Fact]
    public void SpecksDoNotWidenTheBox()
    {
        using var picture = Drawn.Picture(100, 100, (x, y) => (x is >= 20 and < 60 && y is >= 20 and < 60) || (x is 95 && y is 95) ? Dark : White);
        Assert.Equal(new PixelBox(18, 18, 62, 62), ForegroundBox.Find(picture));
    }

    [Fact]
    public void PartsWithAGapOfOnePixelAreOneProduct()
    {
        // A grid of dots: each alone is under 1 % of the picture.
        using var picture = Drawn.Picture(100, 100, (x, y) => x is >= 20 and <= 60 && y is >= 20 and <= 60 && x % 2 == 0 && y % 2 == 0 ? Dark : White);
        Assert.Equal(new PixelBox(18, 18, 63, 63), ForegroundBox.Find(picture));
    }

    [Fact]
    public void TwoProductsShareOneBox()
    {
        using var picture = Drawn.Picture(100, 100, (x, y) => y is >= 30 and < 70 && (x is >= 5 and < 25 || x is >= 70 and < 90) ? Dark : White);
        Assert.Equal(new PixelBox(1, 28, 94, 72), ForegroundBox.Find(picture));
    }

    [Fact]
    public void WithoutAProductTheBoxIsTheWholePicture()
    {
        using var empty = Drawn.Picture(100, 80, (_, _) => White);
        using var speck = Drawn.Picture(100, 80, (x, y) => x == 50 && y == 40 ? Dark : White);
        using var small = Drawn.Picture(100, 80, (x, y) => x is >= 40 and < 60 && y is >= 40 and < 60 ? Dark : White);
        Assert.All([empty, speck, small], picture => Assert.Equal(new PixelBox(0, 0, 100, 80), ForegroundBox.Find(picture)));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 50)]
    [InlineData(2, 3)]
    [InlineData(33, 1)]
    public void TinyPicturesHaveABox(int width, int height)
    {
        using var picture = Drawn.Picture(width, height, (x, y) => (x * 90 % 255, y * 70 % 255, 9));
        Assert.Equal(new PixelBox(0, 0, width, height), ForegroundBox.Find(picture));
    }

    [Fact]
    public void ComponentsAgreeWithAFloodFill()
    {
        var random = new Contracts.KeyedRandom(3, Contracts.RandomPurpose.Import);
        for (var round = 0; round < 300; round++)
        {
            var (width, height, share, minArea) = (1 + random.Next(14), 1 + random.Next(14), random.NextDouble(), 1 + random.Next(6));
            var mask = new bool[width * height];
            for (var i = 0; i < mask.Length; i++)
                mask[i] = random.NextDouble() < share / 2;
            Assert.Equal(FloodFilledBox(mask, width, height, minArea), Components.BoundingBox(mask, width, height, minArea));
        }
    }

    /// <summary>The rule before had 0.90 on noise and 0.40 on gradients and textures, where it mostly took the whole picture.</summary>
    [Theory]
    [InlineData(nameof(Backdrop.Uniform), 0.97, 0.95)]
    [InlineData(nameof(Backdrop.Noisy), 0.97, 0.95)]
    [InlineData(nameof(Backdrop.Gradient), 0.95, 0.90)]
    [InlineData(nameof(Backdrop.Textured), 0.92, 0.85)]
    public void OnEveryBackdropTheBoxOverlapsTheProduct(string backdrop, double minMean, double minTenthPercentile)
    {
        var overlaps = new List<double>();
        for (ulong key = 0; key < 100; key++)
        {
            using var product = DrawnProduct.Of(Enum.Parse<Backdrop>(backdrop), key);
            overlaps.Add(product.Overlap(ForegroundBox.Find(product.Picture)));
        }

        overlaps.Sort();
        Assert.InRange(overlaps.Average(), minMean, 1);
        Assert.InRange(overlaps[10], minTenthPercentile, 1);
    }

    [Fact]
    public void TheOutcomeSaysWhichWayItWasFound()
    {
        using var onWhite = Drawn.Picture(100, 120, (x, y) => x is >= 20 and < 60 && y is >= 30 and < 90 ? Dark : White);
        using var onChecks = Drawn.Picture(100, 120, (x, y) => x is >= 20 and < 60 && y is >= 30 and < 90 ? (200, 30, 30) : (x / 3 + y / 3) % 2 == 0 ? (220, 220, 220) : (160, 160, 160));
        using var empty = Drawn.Picture(100, 120, (_, _) => White);
        Assert.Equal(ForegroundWay.Given, ForegroundBox.Locate([0, 0, 50, 50], onWhite).Way);
        Assert.Equal(ForegroundWay.Border, ForegroundBox.Locate([0, 0, 500, 50], onWhite).Way);
        Assert.Equal(ForegroundWay.Saliency, ForegroundBox.Locate(null, onChecks).Way);
        Assert.Equal(new Foreground(new PixelBox(0, 0, 100, 120), ForegroundWay.Whole), ForegroundBox.Locate(null, empty));
    }

    [Fact]
    public void NoiseOrChecksAloneConvinceNobody()
    {
        var random = new KeyedRandom(3, RandomPurpose.Import);
        using var noise = Drawn.Picture(120, 100, (_, _) => (random.Next(256), random.Next(256), random.Next(256)));
        using var checks = Drawn.Picture(120, 100, (x, y) => (x / 5 + y / 5) % 2 == 0 ? (20, 20, 20) : (200, 200, 200));
        Assert.All([noise, checks], picture => Assert.Equal(new Foreground(picture.Bounds, ForegroundWay.Whole), ForegroundBox.Locate(null, picture)));
    }

    [Fact]
    public void AProductThatThePictureCutsOffIsStillToldByItsBorder()
    {
        using var picture = Drawn.Picture(100, 100, (x, y) => x is >= 30 and < 80 && y >= 20 ? Dark : White);
        Assert.Equal(new Foreground(new PixelBox(28, 16, 82, 100), ForegroundWay.Border), ForegroundBox.Locate(null, picture));
    }

    [Fact]
    public void ABackgroundThatIsTheSmallerPartIsNotTakenForTheProduct()
    {
        // The product fills 60 %, so that the mean colour is nearly its own and the checks are what stands out.
        using var picture = Drawn.Picture(100, 100, (x, y) => x is >= 11 and < 89 && y is >= 11 and < 89 ? (250, 40, 40) : (x / 2 + y / 2) % 2 == 0 ? (30, 30, 200) : (30, 100, 200));
        var found = ForegroundBox.Locate(null, picture);
        Assert.Equal(ForegroundWay.Saliency, found.Way);
        Assert.InRange(found.Box.X1, 5, 9);
        Assert.InRange(found.Box.Y2, 91, 95);
    }

    [Fact]
    public void ALargePictureIsSearchedAtASmallerScale()
    {
        static (int, int, int) Color(int x, int y) => x is >= 200 and < 500 && y is >= 300 and < 700 ? (200, 30, 30) : (x / 12 + y / 12) % 2 == 0 ? (220, 220, 220) : (160, 160, 160);
        using var large = Drawn.Picture(803, 901, Color);
        var box = ForegroundBox.Locate(null, large).Box;
        Assert.InRange(box.X1, 165, 195);
        Assert.InRange(box.Y1, 260, 290);
        Assert.InRange(box.X2, 505, 535);
        Assert.InRange(box.Y2, 710, 740);
    }

    [Fact]
    public void AGivenBoxFollowsTheScaleOfDecoding()
    {
        using var picture = new Picture(100, 50, 400, 200);
        Assert.Equal(new PixelBox(10, 20, 50, 50), ForegroundBox.FromRow([40, 80, 200, 200], picture));
        Assert.Equal(new PixelBox(0, 0, 1, 1), ForegroundBox.FromRow([0, 0, 1, 1], picture));
    }

    [Fact]
    public void AGivenBoxThatIsNoneIsRefused()
    {
        using var picture = new Picture(100, 50);
        int[]?[] boxes = [null, [], [1, 2, 3], [5, 5, 5, 9], [9, 5, 3, 9], [-1, 0, 5, 5], [0, 0, 101, 50], [0, 0, 100, 51]];
        Assert.All(boxes, box => Assert.Null(ForegroundBox.FromRow(box, picture)));
    }

    private static PixelBox? FloodFilledBox(bool[] mask, int width, int height, int minArea)
    {
        var seen = new bool[mask.Length];
        PixelBox? box = null;
        for (var start = 0; start < mask.Length; start++)
        {
            if (!mask[start] || seen[start])
                continue;
            var component = new List<int> { start };
            seen[start] = true;
            for (var i = 0; i < component.Count; i++)
            {
                for (var other = 0; other < mask.Length; other++)
                {
                    var near = Math.Abs(other % width - component[i] % width) <= 2 && Math.Abs(other / width - component[i] / width) <= 2;
                    if (!near || !mask[other] || seen[other])
                        continue;
                    seen[other] = true;
                    component.Add(other);
                }
            }

            if (component.Count < minArea)
                continue;
            var (x1, x2, y1, y2) = (component.Min(i => i % width), component.Max(i => i % width) + 1, component.Min(i => i / width), component.Max(i => i / width) + 1);
            box = box is { } b ? new PixelBox(Math.Min(b.X1, x1), Math.Min(b.Y1, y1), Math.Max(b.X2, x2), Math.Max(b.Y2, y2)) : new PixelBox(x1, y1, x2, y2);
        }

        return box;
    }
}
