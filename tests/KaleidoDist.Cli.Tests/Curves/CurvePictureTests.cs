using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Cli.Tests;

public sealed class CurvePictureTests
{
    private const int Vocabulary = 30_522;

    [Fact]
    public void APictureHasSixteenPanelsInFourColumns()
    {
        using var picture = Decode(CurvePicture.Draw(SyntheticRuns.Learning(), Vocabulary));
        Assert.Equal((1920, 1280), (picture.Width, picture.Height));
    }

    [Fact]
    public void TitlesAreDrawnWithTheFontOfTheProgram()
    {
        using var picture = Decode(CurvePicture.Draw(SyntheticRuns.Learning(10), Vocabulary));

        // The title of the first panel is centred over it; without a font the strip would be white.
        Assert.InRange(DarkPixels(picture, new SKRectI(0, 0, 480, 40)), 100, 4000);
    }

    [Fact]
    public void ARunWithoutStepsIsDrawnEmpty()
    {
        using var picture = Decode(CurvePicture.Draw(RunHistory.Empty, Vocabulary));
        Assert.Equal(1280, picture.Height);
    }

    [Fact]
    public void ARunOfOneStepIsDrawn()
    {
        using var picture = Decode(CurvePicture.Draw(SyntheticRuns.Learning(1), Vocabulary));
        Assert.Equal(1280, picture.Height);
    }

    [Fact]
    public void SavingReplacesTheOlderPicture()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("curves").FullName, CurvePicture.FileName);
        File.WriteAllText(path, "old");
        CurvePicture.Save(SyntheticRuns.Learning(5), Vocabulary, path);
        Assert.Equal("\u0089PNG", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(path)[..4]));
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    private static SKBitmap Decode(byte[] png) => SKBitmap.Decode(png);

    private static int DarkPixels(SKBitmap picture, SKRectI area)
    {
        var count = 0;
        for (var y = area.Top; y < area.Bottom; y++)
        for (var x = area.Left; x < area.Right; x++)
            count += picture.GetPixel(x, y).Red < 100 ? 1 : 0;
        return count;
    }
}
