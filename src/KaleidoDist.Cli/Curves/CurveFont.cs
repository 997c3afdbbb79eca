using KaleidoDist.Data;
using ScottPlot;
using SkiaSharp;

namespace KaleidoDist.Cli;

/// <summary>Makes ScottPlot draw with <see cref="EmbeddedFont"/>: servers and containers often have no fonts of their own.</summary>
internal static class CurveFont
{
    /// <summary>Makes it the font of every plot of this process. May be called again.</summary>
    internal static void Use()
    {
        lock (Fonts.FontResolvers)
        {
            if (!Fonts.FontResolvers.OfType<Embedded>().Any())
                Fonts.FontResolvers.Insert(0, new Embedded());
            Fonts.Default = EmbeddedFont.FamilyName;
        }
    }

    /// <summary>One typeface for every weight and slant: pictures are told apart by size and colour.</summary>
    private sealed class Embedded : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing)
            => fontName == EmbeddedFont.FamilyName ? EmbeddedFont.Typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic)
            => fontName == EmbeddedFont.FamilyName ? EmbeddedFont.Typeface : null;
    }
}
