namespace KaleidoDist.Data;

/// <summary>Grey-to-color on the 4x4 patches (paper, section 3.6, task IV): a patch loses its color, all channels become its luma.</summary>
public static class GreyPatch
{
    // ITU-R BT.601. The weights sum to 1, so pixels in [-1, 1] stay in it.
    private const float Red = 0.299f, Green = 0.587f, Blue = 0.114f;

    /// <summary>Greys a [3, S, S] patch in place.</summary>
    public static void Apply(Span<float> patch)
    {
        var plane = patch.Length / 3;
        for (var i = 0; i < plane; i++)
            patch[i] = patch[plane + i] = patch[2 * plane + i] = Red * patch[i] + Green * patch[plane + i] + Blue * patch[2 * plane + i];
    }
}
