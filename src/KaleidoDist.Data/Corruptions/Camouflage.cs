namespace KaleidoDist.Data;

/// <summary>
/// Camouflage prediction on the 3x3 patches (paper, section 3.6, task III): one patch is the same cell of another product's picture;
/// the label is its index, row-major.
/// </summary>
public static class Camouflage
{
    /// <summary>Grid of the task.</summary>
    public const int Level = 3;

    /// <summary>Classes: cells.</summary>
    public const int ClassCount = 9;

    /// <summary>
    /// Mean difference of two patches in [-1, 1] below which nobody can tell them apart, say two pieces of white background: 2.5 grey
    /// levels of 255. Such a donor would make a label without an answer.
    /// </summary>
    public const float MinDifference = 0.02f;

    /// <summary>Donors that may be refused for looking the same before the next one is taken anyway.</summary>
    public const int MaxRefusals = 4;

    /// <summary>Whether a donor's patch can be told from the one it would replace.</summary>
    public static bool Differs(ReadOnlySpan<float> patch, ReadOnlySpan<float> donor)
    {
        var sum = 0f;
        for (var i = 0; i < patch.Length; i++)
            sum += MathF.Abs(patch[i] - donor[i]);
        return sum >= MinDifference * patch.Length;
    }

    /// <summary>Mean difference of two vectors, as a share of their mean magnitude, below which they show the same.</summary>
    public const float MinVectorDifference = 0.02f;

    /// <summary>Whether a donor's vector can be told from the one it would replace: two patches of plain background have the same.</summary>
    public static bool VectorsDiffer(ReadOnlySpan<float> patch, ReadOnlySpan<float> donor)
    {
        float difference = 0, magnitude = 0;
        for (var i = 0; i < patch.Length; i++)
        {
            difference += MathF.Abs(patch[i] - donor[i]);
            magnitude += MathF.Abs(patch[i]) + MathF.Abs(donor[i]);
        }

        return difference > MinVectorDifference * magnitude / 2;
    }

    /// <summary>The cell whose own vector stands in where no other product can give one: vectors have no mirror.</summary>
    public static int StandIn(int cell) => (cell + 1) % ClassCount;

    /// <summary>
    /// What stands in where no other product can give a patch: the same cell of the own picture seen in a mirror.
    /// </summary>
    /// <param name="patches">[9, 3, side, side] the own patches.</param>
    /// <param name="cell">The cell to replace.</param>
    /// <param name="side">S.</param>
    /// <param name="mirrored">Receives [3, side, side].</param>
    public static void Mirror(ReadOnlySpan<float> patches, int cell, int side, Span<float> mirrored)
    {
        var length = KaleidoPatches.PatchLength(side);
        var (row, column) = (cell / Level, cell % Level);
        patches.Slice((row * Level + Level - 1 - column) * length, length).CopyTo(mirrored);
        for (var start = 0; start < length; start += side)
            mirrored.Slice(start, side).Reverse();
    }
}
