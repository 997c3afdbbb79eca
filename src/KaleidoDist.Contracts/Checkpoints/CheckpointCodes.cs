namespace KaleidoDist.Contracts;

/// <summary>Codes of what happens to a save that both the rank that says it and the coordinator that counts it must know.</summary>
public static class CheckpointCodes
{
    /// <summary>A checkpoint was due while an earlier one was on its way, and is left out. Said with the same text while that one is on its way.</summary>
    public const string LeftOut = "KD-S106";
}
