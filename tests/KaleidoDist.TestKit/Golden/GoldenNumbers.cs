namespace KaleidoDist.TestKit;

/// <summary>Numbers that scripts/resnet50_golden.py computes alike, so that they need no file.</summary>
public static class GoldenNumbers
{
    /// <summary>The <paramref name="element"/>th number in [0, 1) of a tensor: the finaliser of MurmurHash3.</summary>
    public static double Uniform(uint tensor, uint element)
    {
        unchecked
        {
            var bits = element + tensor * 0x9E3779B9u;
            bits = (bits ^ (bits >> 16)) * 0x85EBCA6Bu;
            bits = (bits ^ (bits >> 13)) * 0xC2B2AE35u;
            return (bits ^ (bits >> 16)) / 4294967296.0;
        }
    }
}
