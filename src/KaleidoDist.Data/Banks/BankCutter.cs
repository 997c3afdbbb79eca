using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Makes of a picture the 74 that a bank keeps vectors of (see <see cref="BankLayout"/>): decoded in full, locked to its foreground, cut
/// into the 55 patches, each resized to a square; the whole one turned, the 4x4 ones in grey. One instance per thread.
/// </summary>
/// <param name="side">Side of the squares, S.</param>
public sealed class BankCutter(int side)
{
    private readonly PictureDecoder decoder = new();
    private readonly BilinearResize resize = new(side);
    private readonly int cellLength = 3 * side * side;

    /// <summary>[74, 3, S, S] the squares of the last picture, in [0, 1].</summary>
    public float[] Cells { get; } = new float[BankLayout.VectorCount * 3 * side * side];

    /// <summary>Cuts the picture of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="positions">[275] the positions of its patches.</param>
    /// <returns>False when the picture does not decode.</returns>
    public bool TryCut(RawRow row, out float[] positions)
    {
        positions = [];
        if (!decoder.TryDecode(row.Image.Span, int.MaxValue, out var picture, out _))
            return false;
        using var whole = picture;
        using var crop = whole.Crop(ForegroundBox.Of(row.ForegroundBox, whole));
        for (var level = 1; level <= PatchLevels.Count; level++)
        {
            for (var cell = 0; cell < PatchLevels.Size(level); cell++)
                resize.Resize(crop, KaleidoPatches.Cell(crop.Width, crop.Height, level, cell), Cell(BankLayout.Clean(level, cell)));
        }

        for (var turns = 1; turns < Rotation.ClassCount; turns++)
            Rotation.Turn(Cell(BankLayout.Clean(1, 0)), side, turns, Cell(BankLayout.Rotation(turns)));
        for (var cell = 0; cell < PatchLevels.Size(4); cell++)
        {
            Cell(BankLayout.Clean(4, cell)).CopyTo(Cell(BankLayout.Grey(cell)));
            GreyPatch.Apply(Cell(BankLayout.Grey(cell)));
        }

        positions = new float[BankSchema.PositionCount];
        KaleidoPatches.WritePositions(crop.Width, crop.Height, positions);
        return true;
    }

    private Span<float> Cell(int index) => Cells.AsSpan(index * cellLength, cellLength);
}
