namespace KaleidoDist.Data;

/// <summary>
/// Recomputes the positions of the nine patches of level 3, of which the released files have only seven.
/// </summary>
/// <remarks>
/// The box of a product is the position of its one patch of level 1 (rotation): x1, x2, y1, y2, area. The four patches of level 2
/// (jigsaw) must span the same box. Cell (r, c) of level 3 then reaches from x1 + floor(c * w / 3) to x1 + floor((c + 1) * w / 3), and
/// likewise for y, as the cells of every level are cut; its area is width times height, as that of the box must be.
/// </remarks>
internal static class CamouflageGrid
{
    private const int Level = 3;

    /// <summary>The 45 numbers, or null and the contradiction in the row's positions.</summary>
    /// <param name="rotation">5 numbers.</param>
    /// <param name="jigsaw">20 numbers.</param>
    /// <param name="problem">Why there are none.</param>
    public static int[]? Recompute(ReadOnlySpan<int> rotation, ReadOnlySpan<int> jigsaw, out string problem)
    {
        const int length = StaticSchema.PositionLength;
        var (x1, x2, y1, y2, area) = (rotation[0], rotation[1], rotation[2], rotation[3], rotation[4]);
        problem = $"the box {x1}, {x2}, {y1}, {y2} of area {area} is none";
        if (x1 < 0 || y1 < 0 || x2 - x1 < Level || y2 - y1 < Level || (long)(x2 - x1) * (y2 - y1) != area)
            return null;
        var (left, right, top, bottom) = (int.MaxValue, int.MinValue, int.MaxValue, int.MinValue);
        for (var i = 0; i < jigsaw.Length; i += length)
            (left, right, top, bottom) = (Math.Min(left, jigsaw[i]), Math.Max(right, jigsaw[i + 1]), Math.Min(top, jigsaw[i + 2]), Math.Max(bottom, jigsaw[i + 3]));
        problem = $"the jigsaw patches span {left}, {right}, {top}, {bottom}, the box is {x1}, {x2}, {y1}, {y2}";
        if ((left, right, top, bottom) != (x1, x2, y1, y2))
            return null;

        var positions = new int[Level * Level * length];
        for (var cell = 0; cell < Level * Level; cell++)
        {
            var box = KaleidoPatches.Cell(x2 - x1, y2 - y1, Level, cell);
            ReadOnlySpan<int> position = [x1 + box.X1, x1 + box.X2, y1 + box.Y1, y1 + box.Y2, box.Width * box.Height];
            position.CopyTo(positions.AsSpan(cell * length));
        }

        problem = "";
        return positions;
    }
}
