namespace KaleidoDist.Contracts;

/// <summary>The five levels of kaleido patches (paper, section 3.2), as alignments in data sets name them whatever layout a model has.</summary>
public static class PatchLevels
{
    /// <summary>Number of levels; level l (1-based) has l*l patches.</summary>
    public const int Count = 5;

    /// <summary>All patches of a picture.</summary>
    public const int PatchCount = 55;

    /// <summary>Index of a level's first patch among the 55: 0, 1, 5, 14, 30.</summary>
    public static int Offset(int level) => (level - 1) * level * (2 * level - 1) / 6;

    /// <summary>Patches of a level: 1, 4, 9, 16, 25.</summary>
    public static int Size(int level) => level * level;
}
