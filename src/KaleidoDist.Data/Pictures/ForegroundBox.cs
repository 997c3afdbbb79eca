using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>
/// Locks the product in a picture without a network, the first step of the kaleido patch generator (paper, section 3.2):
/// <list type="number">
/// <item>a box that the data set gives is taken as it is;</item>
/// <item>where the border has one colour, foreground is what differs from it (<see cref="BorderColor"/>): product pictures have near
/// uniform backgrounds, and this keeps pale parts of a product that saliency would lose;</item>
/// <item>elsewhere it is what is salient (<see cref="FrequencyTunedSaliency"/>);</item>
/// <item>foreground pixels that touch within one pixel (closing gaps) form components; those under 1 % of the picture are dropped;</item>
/// <item>the box is the bounding box of the rest, padded by 5 % on each side and clipped.</item>
/// </list>
/// Where nothing convincing is left, or a side of the box is under 32 pixels (or under the picture's own side, where that is smaller), the
/// whole picture is the box.
/// </summary>
public static class ForegroundBox
{
    private const double MinComponentShare = 0.01;
    private const double Padding = 0.05;
    private const int MinSide = 32;

    /// <summary>The box of a picture: the one its data set gives (see <see cref="FromRow"/>), or else the one found.</summary>
    public static PixelBox Of(IReadOnlyList<int>? given, Picture picture) => Locate(given, picture).Box;

    /// <summary>The foreground box of a picture: never empty, always inside it.</summary>
    public static PixelBox Find(Picture picture) => Locate(null, picture).Box;

    /// <summary>The box of a picture and the way it was found: given by its data set, or else found.</summary>
    public static Foreground Locate(IReadOnlyList<int>? given, Picture picture)
    {
        if (FromRow(given, picture) is { } box)
            return new Foreground(box, ForegroundWay.Given);
        var border = BorderColor.Of(picture);
        var way = border.IsUniform ? ForegroundWay.Border : ForegroundWay.Saliency;
        var found = border.IsUniform ? ByBorder(picture, border) : FrequencyTunedSaliency.Find(picture, MinComponentShare);
        return found is { } product && Padded(product, picture) is { } locked && (border.IsUniform || locked != picture.Bounds)
            ? new Foreground(locked, way)
            : new Foreground(picture.Bounds, ForegroundWay.Whole);
    }

    /// <summary>
    /// The box that a data set gives for a picture, in pixels of the encoded picture, in pixels of the decoded one; null when it is no
    /// box inside the picture.
    /// </summary>
    public static PixelBox? FromRow(IReadOnlyList<int>? box, Picture picture)
    {
        if (box is not [var x1, var y1, var x2, var y2] || x1 < 0 || y1 < 0 || x1 >= x2 || y1 >= y2 || x2 > picture.SourceWidth || y2 > picture.SourceHeight)
            return null;
        var (left, top) = (Scale(x1, picture.Width, picture.SourceWidth), Scale(y1, picture.Height, picture.SourceHeight));
        return new PixelBox(
            left,
            top,
            Math.Max(left + 1, Scale(x2, picture.Width, picture.SourceWidth)),
            Math.Max(top + 1, Scale(y2, picture.Height, picture.SourceHeight)));

        static int Scale(int value, int size, int sourceSize) => (int)((long)value * size / sourceSize);
    }

    private static PixelBox? ByBorder(Picture picture, BorderColor border)
    {
        var (width, height) = (picture.Width, picture.Height);
        var mask = ArrayPool<bool>.Shared.Rent(width * height);
        try
        {
            border.MarkDifferent(picture, mask);
            return Components.BoundingBox(mask, width, height, (int)Math.Ceiling(MinComponentShare * width * height));
        }
        finally
        {
            ArrayPool<bool>.Shared.Return(mask);
        }
    }

    // Null for a box too small to be cut into 5 x 5 cells.
    private static PixelBox? Padded(PixelBox box, Picture picture)
    {
        var (width, height) = (picture.Width, picture.Height);
        var (padX, padY) = ((int)Math.Round(Padding * box.Width), (int)Math.Round(Padding * box.Height));
        var padded = new PixelBox(
            Math.Max(0, box.X1 - padX), Math.Max(0, box.Y1 - padY), Math.Min(width, box.X2 + padX), Math.Min(height, box.Y2 + padY));
        return padded.Width < Math.Min(MinSide, width) || padded.Height < Math.Min(MinSide, height) ? null : padded;
    }
}
