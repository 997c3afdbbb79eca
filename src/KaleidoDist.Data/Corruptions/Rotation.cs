namespace KaleidoDist.Data;

/// <summary>Rotation recognition on the 1x1 patch (paper, section 3.6, task I). Label: counter-clockwise quarter turns.</summary>
public static class Rotation
{
    /// <summary>Classes: 0, 90, 180 and 270 degrees.</summary>
    public const int ClassCount = 4;

    /// <summary>Writes a [3, side, side] patch turned counter-clockwise.</summary>
    public static void Turn(ReadOnlySpan<float> patch, int side, int quarterTurns, Span<float> turned)
    {
        var plane = side * side;
        var last = side - 1;
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var (fromY, fromX) = quarterTurns switch
                {
                    0 => (y, x),
                    1 => (x, last - y),
                    2 => (last - y, last - x),
                    3 => (last - x, y),
                    _ => throw new ArgumentOutOfRangeException(nameof(quarterTurns), quarterTurns, "Expected 0 to 3."),
                };
                for (var channel = 0; channel < 3 * plane; channel += plane)
                    turned[channel + y * side + x] = patch[channel + fromY * side + fromX];
            }
        }
    }
}
