namespace KaleidoDist.Data;

/// <summary>
/// sRGB to CIE L*a*b* (white D65) in integers, 16 to a unit: tables that are rounded once give the same numbers on every machine, which
/// powers and cube roots of the system's library do not.
/// </summary>
internal static class LabTable
{
    /// <summary>Steps of one unit of L*, a* or b*.</summary>
    public const int Scale = 16;

    private const int LinearBits = 16, RatioBits = 12, RootBits = 12;

    // Linear light of a channel, 0..2^16.
    private static readonly int[] Linear =
    [
        .. Enumerable.Range(0, 256).Select(value => value / 255.0)
            .Select(c => c <= 0.04045 ? c / 12.92 : Math.Pow((c + 0.055) / 1.055, 2.4))
            .Select(light => (int)Math.Round(light * (1 << LinearBits))),
    ];

    // f of CIE 15:2004, section 8.2.1, over a ratio to white in 4,096 steps.
    private static readonly int[] Root =
    [
        .. Enumerable.Range(0, 1 << RatioBits).Select(step => (double)step / ((1 << RatioBits) - 1))
            .Select(ratio => ratio > 216.0 / 24389 ? Math.Cbrt(ratio) : (24389.0 / 27 * ratio + 16) / 116)
            .Select(root => (int)Math.Round(root * (1 << RootBits))),
    ];

    // Rows X, Y, Z of IEC 61966-2-1 over the white point, in 1/4,096: each sums to 4,095, so that white is the last step of the table.
    private const int XRed = 1777, XGreen = 1541, XBlue = 777;
    private const int YRed = 871, YGreen = 2929, YBlue = 295;
    private const int ZRed = 73, ZGreen = 448, ZBlue = 3574;

    /// <summary>Converts interleaved pixels, three numbers to three numbers.</summary>
    public static void Convert(ReadOnlySpan<byte> rgb, Span<int> lab)
    {
        for (var i = 0; i < rgb.Length; i += Picture.PixelBytes)
        {
            var (red, green, blue) = (Linear[rgb[i]], Linear[rgb[i + 1]], Linear[rgb[i + 2]]);
            var x = Root[(XRed * red + XGreen * green + XBlue * blue) >> LinearBits];
            var y = Root[(YRed * red + YGreen * green + YBlue * blue) >> LinearBits];
            var z = Root[(ZRed * red + ZGreen * green + ZBlue * blue) >> LinearBits];
            lab[i] = ((116 * Scale * y) >> RootBits) - 16 * Scale;
            lab[i + 1] = (500 * Scale * (x - y)) >> RootBits;
            lab[i + 2] = (200 * Scale * (y - z)) >> RootBits;
        }
    }
}
