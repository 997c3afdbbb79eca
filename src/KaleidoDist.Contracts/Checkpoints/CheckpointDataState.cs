namespace KaleidoDist.Contracts;

/// <summary>
/// The whole data state of a checkpoint: which sample comes next follows from it, whatever the world size. It names no rank.
/// </summary>
/// <param name="DatasetFingerprint">Fingerprint of the <see cref="DatasetManifest"/> that was trained on.</param>
/// <param name="Order">Name and version of the sample order.</param>
/// <param name="Seed">The job's seed.</param>
/// <param name="Epoch">Epoch of the next step, 0-based.</param>
/// <param name="StepInEpoch">First step of that epoch that was not applied yet, 0-based.</param>
public sealed record CheckpointDataState(string DatasetFingerprint, string Order, ulong Seed, long Epoch, long StepInEpoch);
