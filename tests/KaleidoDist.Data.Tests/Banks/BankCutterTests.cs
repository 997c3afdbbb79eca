using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class BankCutterTests
{
    private const int Side = 32;
    private const int Length = 3 * Side * Side;
    private readonly BankCutter cutter = new(Side);

    [Fact]
    public void ItMakesTheCleanTheTurnedAndTheGreySquares()
    {
        var row = Drawn.Row(3) with { ForegroundBox = [0, 0, 56, 112] };
        Assert.True(cutter.TryCut(row, out var positions));

        Assert.True(new PictureDecoder().TryDecode(row.Image.Span, int.MaxValue, out var picture, out _));
        using var whole = picture;
        using var crop = whole.Crop(new PixelBox(0, 0, 56, 112));
        var resize = new BilinearResize(Side);
        var expected = new float[Length];
        for (var level = 1; level <= PatchLevels.Count; level++)
        {
            for (var cell = 0; cell < PatchLevels.Size(level); cell++)
            {
                resize.Resize(crop, KaleidoPatches.Cell(56, 112, level, cell), expected);
                Assert.Equal(expected, Cell(BankLayout.Clean(level, cell)));
            }
        }

        for (var turns = 1; turns < 4; turns++)
        {
            Rotation.Turn(Cell(0), Side, turns, expected);
            Assert.Equal(expected, Cell(BankLayout.Rotation(turns)));
        }

        for (var cell = 0; cell < 16; cell++)
        {
            Cell(BankLayout.Clean(4, cell)).CopyTo(expected, 0);
            GreyPatch.Apply(expected);
            Assert.Equal(expected, Cell(BankLayout.Grey(cell)));
        }

        Assert.All(cutter.Cells, value => Assert.InRange(value, 0, 1));
        var wanted = new float[PatchLevels.PatchCount * PatchNumbers.PositionSize];
        KaleidoPatches.WritePositions(56, 112, wanted);
        Assert.Equal(wanted, positions);
    }

    [Fact]
    public void APictureThatDoesNotDecodeIsRefused() => Assert.False(cutter.TryCut(Drawn.Row(3) with { Image = new byte[] { 1, 2 } }, out _));

    private float[] Cell(int index) => cutter.Cells[(index * Length)..((index + 1) * Length)];
}
