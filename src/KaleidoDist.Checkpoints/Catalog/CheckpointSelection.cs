using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>The checkpoint to go on from.</summary>
/// <param name="Manifest">The newest valid one; null for a run that never had any.</param>
/// <param name="Head">Where history stands: what the next generation's lineage starts with.</param>
/// <param name="Damages">Newer ones that could not be used, newest first; each is to be reported.</param>
public sealed record CheckpointSelection(CheckpointManifest? Manifest, CheckpointHead Head, IReadOnlyList<CheckpointDamage> Damages);

/// <summary>What a checkpoint must agree with to be resumed; a value left out is not compared.</summary>
public sealed record CheckpointExpectations
{
    /// <summary>Form of the model: <see cref="Checkpoints.ModelHash"/>.</summary>
    public string? ModelHash { get; init; }

    /// <summary>Fingerprint of the data set.</summary>
    public string? DatasetFingerprint { get; init; }

    /// <summary>The job's seed.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Samples of a step.</summary>
    public int? GlobalBatch { get; init; }

    /// <summary>Virtual ranks.</summary>
    public int? VirtualRanks { get; init; }

    /// <summary>Checks a manifest.</summary>
    /// <exception cref="KaleidoException">It differs; usage error that names all differences.</exception>
    public void Require(CheckpointManifest manifest, string runDirectory)
    {
        string?[] differences =
        [
            Difference("the model's form", manifest.ModelHash, ModelHash),
            Difference("the data set's fingerprint", manifest.Data.DatasetFingerprint, DatasetFingerprint),
            Difference("seed", manifest.Data.Seed, Seed),
            Difference("training.global_batch_size", manifest.GlobalBatch, GlobalBatch),
            Difference("training.virtual_ranks", manifest.VirtualRanks, VirtualRanks),
        ];
        if (differences.Any(d => d is not null))
        {
            throw KaleidoException.Usage(
                $"Checkpoint {manifest.Seq} of '{runDirectory}' is of another job: {string.Join("; ", differences.Where(d => d is not null))}. "
                + "Restore these settings to go on with it, or give this job another checkpoint.uri.");
        }
    }

    private static string? Difference<T>(string what, T found, T? expected)
        where T : struct
        => expected is { } value && !value.Equals(found) ? $"{what} is {found}, expected {value}" : null;

    private static string? Difference(string what, string found, string? expected)
        => expected is not null && expected != found ? $"{what} is {found}, expected {expected}" : null;
}
