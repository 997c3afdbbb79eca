using ScottPlot;
using SkiaSharp;

namespace KaleidoDist.Cli;

/// <summary>
/// The font of all pictures: DejaVu Sans, carried in this program. Servers and containers often have no fonts, and text would be
/// drawn as nothing; with one font of our own, pictures are also the same on every machine.
/// </summary>
internal static class CurveFont
{
    /// <summary>The name under which plots ask for it.</summary>
    internal const string Family = "DejaVu Sans";

    private const string ResourceName = "DejaVuSans.ttf";
    private static readonly Lazy<SKTypeface> Typeface = new(Load);

    /// <summary>Makes it the font that ScottPlot draws with, in every plot of this process. May be called again.</summary>
    internal static void Use()
    {
        lock (Fonts.FontResolvers)
        {
            if (!Fonts.FontResolvers.OfType<Embedded>().Any())
                Fonts.FontResolvers.Insert(0, new Embedded());
            Fonts.Default = Family;
        }
    }

    private static SKTypeface Load()
    {
        using var stream = typeof(CurveFont).Assembly.GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"The resource '{ResourceName}' is not in this program.");
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data) ?? throw new InvalidOperationException($"The resource '{ResourceName}' is not a font.");
    }

    /// <summary>One typeface for every weight and slant: pictures are told apart by size and colour.</summary>
    private sealed class Embedded : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing)
            => fontName == Family ? Typeface.Value : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic)
            => fontName == Family ? Typeface.Value : null;
    }
}
