using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// What grey-to-color and blank-to-color reconstruct for the pixel encoder: the clean patch averaged to 16 x 16 x 3 = 768 numbers, of zero
/// mean and unit deviation. A fixed function of the patch; learned targets collapse.
/// </summary>
public static class ReconstructionTarget
{
    /// <summary>Numbers of a target.</summary>
    public const int Length = 3 * PatchNumbers.ReconstructionSide * PatchNumbers.ReconstructionSide;

    /// <summary>
    /// Two grey levels of 255, in the range [-1, 1]. A patch with less contrast is flat up to noise: it is centred and divided by this,
    /// so that noise is not blown up to look like content.
    /// </summary>
    public const double MinDeviation = 4.0 / 255;

    /// <summary>Standardises averaged pixels into a target.</summary>
    public static void Standardize(ReadOnlySpan<float> pixels, Span<float> target)
    {
        double sum = 0, squares = 0;
        foreach (var value in pixels)
            sum += value;
        var mean = sum / pixels.Length;
        foreach (var value in pixels)
            squares += (value - mean) * (value - mean);
        var deviation = Math.Max(Math.Sqrt(squares / pixels.Length), MinDeviation);
        for (var i = 0; i < pixels.Length; i++)
            target[i] = (float)((pixels[i] - mean) / deviation);
    }
}
