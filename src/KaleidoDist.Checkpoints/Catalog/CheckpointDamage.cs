using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>One thing that is wrong with a stored checkpoint.</summary>
/// <param name="Code">KD-S110 content differs from what was written; KD-S111 a file is missing or has another size.</param>
/// <param name="File">Name of the file.</param>
/// <param name="Text">A clause that says what was found and expected.</param>
/// <param name="IsProven">Whether the content is known to be wrong, and not merely unreadable at the moment.</param>
public sealed record CheckpointProblem(string Code, string File, string Text, bool IsProven = true)
{
    /// <summary>Content differs from what was written.</summary>
    public const string Damaged = "KD-S110";

    /// <summary>A file is missing or has another size.</summary>
    public const string Missing = "KD-S111";
}

/// <summary>Result of verifying one checkpoint.</summary>
/// <param name="Seq">Its sequence number.</param>
/// <param name="Manifest">Its manifest, when that could be read.</param>
/// <param name="Problems">All that is wrong with it.</param>
public sealed record CheckpointVerification(long Seq, CheckpointManifest? Manifest, IReadOnlyList<CheckpointProblem> Problems)
{
    /// <summary>Whether everything that was written is there, bit for bit.</summary>
    public bool IsValid => Problems.Count == 0;
}

/// <summary>A checkpoint that could not be used, and what that costs.</summary>
/// <param name="Seq">Its sequence number.</param>
/// <param name="Step">Its step; null when its manifest could not be read.</param>
/// <param name="Problem">The first thing wrong with it.</param>
/// <param name="UsedSeq">The checkpoint used instead; 0 for none.</param>
/// <param name="StepsLost">Steps to be repeated; null when not known.</param>
/// <param name="Quarantined">Whether its manifest was moved out of the log.</param>
public sealed record CheckpointDamage(long Seq, long? Step, CheckpointProblem Problem, long UsedSeq, long? StepsLost, bool Quarantined)
{
    /// <summary><see cref="Text"/> after its code.</summary>
    public string Message => $"{Problem.Code} {Text}";

    /// <summary>For people: what was found, what was done, what it costs.</summary>
    public string Text
    {
        get
        {
            var cost = StepsLost is { } steps ? string.Create(CultureInfo.InvariantCulture, $"{steps} steps are repeated") : "how many steps are repeated is not known";
            var used = UsedSeq == 0 ? "No earlier one is valid" : $"Using {UsedSeq}: {cost}";
            var moved = Quarantined ? " Its manifest was moved to quarantine/." : "";
            return $"Checkpoint {Seq} is damaged ({Problem.File}: {Problem.Text}). {used}.{moved}";
        }
    }
}
