using KaleidoDist.Contracts;

namespace KaleidoDist.Integration.Tests;

/// <summary>Lines in which a job says that something is wrong with its checkpoints.</summary>
internal static class CheckpointWarnings
{
    /// <summary>Whether a line is one. A save that is left out because another is under way is none: it says that the disk is slow.</summary>
    public static bool IsIn(string line)
        => line.Contains("KD-S", StringComparison.Ordinal) && !line.Contains(CheckpointCodes.LeftOut, StringComparison.Ordinal);
}
