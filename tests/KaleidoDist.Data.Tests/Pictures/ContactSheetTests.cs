using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

public sealed class ContactSheetTests : IDisposable
{
    private static readonly ModelConfig Model = ModelConfig.Preset("kaleido-tiny")!;
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ASheetIsAPngWithOneCardPerSampleAndReadableText()
    {
        var path = Path.Combine(folder, "sheet.png");
        ContactSheet.Save([Drawn.Group(5), Drawn.Group(5, 5)], Model, path, seed: 3, samples: 3);
        using var sheet = SKBitmap.Decode(path);
        Assert.Equal((SampleCard.Width, 3 * SampleCard.Height), (sheet.Width, sheet.Height));
        for (var card = 0; card < 3; card++)
            Assert.InRange(DarkPixels(sheet, 0, SampleCard.Height * card + 10, 120, 30), 150, 2_000);
    }

    [Fact]
    public void TheSameSeedDrawsTheSameSheet()
    {
        var sheets = new[] { 1ul, 1ul, 2ul }.Select((seed, i) =>
        {
            var path = Path.Combine(folder, $"{i}.png");
            ContactSheet.Save([Drawn.Group(5)], Model, path, seed, 2);
            return File.ReadAllBytes(path);
        }).ToArray();
        Assert.Equal(sheets[0], sheets[1]);
        Assert.NotEqual(sheets[0], sheets[2]);
    }

    [Fact]
    public void AlignedPatchesStandBesideTheirWordsBelowTheText()
    {
        var row = Drawn.Row(1);
        var aligned = row with { Alignments = [new Alignment(0, 1, 3, 4, 1), new Alignment(2, 3, 9, 0, 1), new Alignment(90, 91, 4, 0, 1)] };
        var dark = new[] { row, aligned }.Select(drawn =>
        {
            var path = Path.Combine(folder, $"{drawn.Alignments.Count}.png");
            ContactSheet.Save([new RowGroup(0, [drawn])], Model, path, seed: 1);
            using var sheet = SKBitmap.Decode(path);
            return DarkPixels(sheet, SampleCard.Width - 446, SampleCard.Height - 130, 430, 110);
        }).ToArray();
        Assert.Equal(0, dark[0]);
        Assert.InRange(dark[1], 200, 5_000);
    }

    [Fact]
    public void RowsThatCannotBeUsedArePassedOver()
    {
        var bad = new RowGroup(0, [.. Drawn.Group(4).Rows.Select((row, i) => i == 2 ? row : row with { Image = new byte[] { 1 } })]);
        var path = Path.Combine(folder, "sheet.png");
        ContactSheet.Save([bad], Model, path, seed: 1);
        using var sheet = SKBitmap.Decode(path);
        Assert.Equal(SampleCard.Height, sheet.Height);
    }

    [Fact]
    public void ASheetOfNothingAndAFileThatCannotBeWrittenAreOneLineEach()
    {
        var bad = new RowGroup(0, [Drawn.Row(1) with { Image = new byte[] { 1 } }]);
        var nothing = Assert.Throws<KaleidoException>(() => ContactSheet.Save([bad], Model, Path.Combine(folder, "sheet.png"), 1));
        Assert.Contains("None of the 1 rows", nothing.Message, StringComparison.Ordinal);
        var path = Path.Combine(folder, "absent", "sheet.png");
        var unwritable = Assert.Throws<KaleidoException>(() => ContactSheet.Save([Drawn.Group(2)], Model, path, 1, 1));
        Assert.Contains(path, unwritable.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheEmbeddedFontHasTheGlyphsThatAreDrawn()
    {
        Assert.Equal(EmbeddedFont.FamilyName, EmbeddedFont.Typeface.FamilyName);
        Assert.All("Aa09°→é".EnumerateRunes(), rune => Assert.NotEqual(0, EmbeddedFont.Typeface.GetGlyph(rune.Value)));
    }

    private static int DarkPixels(SKBitmap bitmap, int left, int top, int width, int height)
        => Enumerable.Range(0, width * height).Count(i => bitmap.GetPixel(left + i % width, top + i / width).Red < 128);
}
