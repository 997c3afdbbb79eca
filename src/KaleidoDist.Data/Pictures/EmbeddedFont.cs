using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>
/// The font of every picture this project draws: DejaVu Sans, inside this assembly. SkiaSharp without native dependencies finds no
/// system fonts and draws no glyph with its default; and a picture looks the same on every machine.
/// </summary>
public static class EmbeddedFont
{
    private static readonly Lazy<SKTypeface> Shared = new(Load);

    /// <summary>Family name.</summary>
    public const string FamilyName = "DejaVu Sans";

    /// <summary>The typeface; shared, never disposed by callers.</summary>
    public static SKTypeface Typeface => Shared.Value;

    /// <summary>The TrueType file.</summary>
    public static Stream Open() => typeof(EmbeddedFont).Assembly.GetManifestResourceStream("KaleidoDist.Data.DejaVuSans.ttf")!;

    /// <summary>A font of a size in pixels; the caller disposes it.</summary>
    public static SKFont OfSize(float size) => new(Typeface, size) { Edging = SKFontEdging.Antialias, Subpixel = true };

    private static SKTypeface Load()
    {
        using var stream = Open();
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}
