using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The 74 vectors that a bank keeps of a picture, in their order: the 55 clean patches by level; the 1x1 patch turned counter-clockwise
/// by 90, 180 and 270 degrees; the 4x4 patches in grey. From them all five picture tasks are drawn fresh in every epoch, by indexing.
/// </summary>
public static class BankLayout
{
    /// <summary>Vectors of a picture.</summary>
    public const int VectorCount = PatchLevels.PatchCount + TurnCount + GreyLevel * GreyLevel;

    private const int TurnCount = Data.Rotation.ClassCount - 1;
    private const int GreyLevel = 4;

    /// <summary>Bytes of a picture's vectors of <paramref name="featureSize"/> half-precision numbers each.</summary>
    public static int ByteCount(int featureSize) => checked(VectorCount * featureSize * 2);

    /// <summary>The vector of a clean patch.</summary>
    public static int Clean(int level, int cell) => PatchLevels.Offset(level) + cell;

    /// <summary>The vector of the 1x1 patch after 0 to 3 quarter turns.</summary>
    public static int Rotation(int quarterTurns) => quarterTurns == 0 ? 0 : PatchLevels.PatchCount + quarterTurns - 1;

    /// <summary>The vector of a 4x4 patch in grey.</summary>
    public static int Grey(int cell) => PatchLevels.PatchCount + TurnCount + cell;
}
