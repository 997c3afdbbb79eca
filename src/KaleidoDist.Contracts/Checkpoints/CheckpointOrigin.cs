namespace KaleidoDist.Contracts;

/// <summary>Where the first checkpoint of a forked run comes from.</summary>
/// <param name="Run">Run folder, as it was called then.</param>
/// <param name="JobId">Its job.</param>
/// <param name="Seq">Number of the checkpoint there.</param>
/// <param name="Hash">Its <see cref="CheckpointManifest.Self"/>.</param>
public sealed record CheckpointOrigin(string Run, string JobId, long Seq, string Hash);
