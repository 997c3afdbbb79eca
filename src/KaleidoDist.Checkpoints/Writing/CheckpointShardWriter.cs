using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Hashing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// The rank's side of a save: files in a folder of their own, durable before anybody hears of them. Steps of the protocol:
/// <list type="number">
/// <item>room is checked, the attempt's folder is created under a name never used before, and its name made durable;</item>
/// <item>each file is created, hashed from memory while written, fsynced and closed, every result checked; then the folder is fsynced.</item>
/// </list>
/// The coordinator's side is <see cref="CheckpointCatalog.Commit"/>. Any error ends the attempt; nothing is tried twice under one name.
/// </summary>
/// <param name="runDirectory">The run folder.</param>
/// <param name="storage">Where to write; the POSIX file system unless given.</param>
public sealed class CheckpointShardWriter(string runDirectory, IStorage? storage = null)
{
    private const int MaxAttemptsTried = 1000;
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage storage = storage ?? PosixStorage.Instance;

    /// <summary>Saves a snapshot.</summary>
    /// <returns>What to propose to the coordinator.</returns>
    /// <exception cref="CheckpointWriteException">It was not saved; the attempt's folder is given up.</exception>
    public CheckpointShard Write(CheckpointSnapshot snapshot)
    {
        var files = Plan(snapshot, WeightsHash.Compute(snapshot.Weights));
        string? folder = null;
        try
        {
            // 1. Room and a folder whose name is new.
            paths.EnsureFolders(storage);
            RequireRoom(snapshot.Step, files.Bytes);
            var attempt = CreateFolder(snapshot, ref folder);

            // 2. The files, then their names.
            CheckpointFile[] written =
            [
                SafetensorsWriter.Write(storage, Path.Combine(folder, ShardNames.Tensors(ShardNames.Model)), snapshot.Weights, files.ModelMetadata),
                SafetensorsWriter.Write(storage, Path.Combine(folder, ShardNames.Tensors(ShardNames.Optimizer)), files.Moments, files.MomentMetadata),
                WriteState(Path.Combine(folder, ShardNames.Json(ShardNames.State)), files.State),
            ];
            storage.SyncDirectory(folder);
            return new CheckpointShard(attempt, Path.GetFileName(folder), written, files.WeightsXxh128);
        }
        catch (IOException error) when (error is not CheckpointWriteException)
        {
            Abandon(folder);
            throw CheckpointWriteException.Failed(paths.Run, snapshot.Step, files.Bytes, error);
        }
    }

    private static PlannedFiles Plan(CheckpointSnapshot snapshot, string weightsXxh128)
    {
        TensorSource[] moments =
        [
            .. snapshot.FirstMoments.Select(m => m with { Name = ShardNames.FirstMoment + m.Name }),
            .. snapshot.SecondMoments.Select(m => m with { Name = ShardNames.SecondMoment + m.Name }),
        ];
        var modelMetadata = Metadata(snapshot, weightsXxh128);
        var momentMetadata = Metadata(snapshot, WeightsHash.Compute(moments));
        var state = snapshot.State.ToUtf8();
        var bytes = SafetensorsWriter.SizeOf(snapshot.Weights, modelMetadata) + SafetensorsWriter.SizeOf(moments, momentMetadata) + state.Length;
        return new PlannedFiles(weightsXxh128, modelMetadata, moments, momentMetadata, state, bytes);
    }

    /// <summary>Enough to tell a file whose manifest is gone, and to open it with any safetensors reader.</summary>
    private static Dictionary<string, string> Metadata(CheckpointSnapshot snapshot, string content) => new()
    {
        ["format"] = "pt",
        ["kaleido_job"] = snapshot.JobId,
        ["step"] = snapshot.Step.ToString(CultureInfo.InvariantCulture),
        ["generation"] = snapshot.Generation.ToString(CultureInfo.InvariantCulture),
        ["content_xxh128"] = content,
    };

    private void RequireRoom(long step, long bytes)
    {
        // A tenth more: file system metadata, the manifest, and whoever else writes meanwhile.
        var needed = bytes + bytes / 10;
        var free = storage.FreeBytes(paths.Run);
        if (free < needed)
            throw CheckpointWriteException.NoRoom(paths.Run, step, needed, free);
    }

    /// <summary>Creates the attempt's folder. <paramref name="folder"/> is set only when it is ours, also if this throws.</summary>
    private int CreateFolder(CheckpointSnapshot snapshot, [NotNull] ref string? folder)
    {
        for (var attempt = snapshot.FirstAttempt; attempt < snapshot.FirstAttempt + MaxAttemptsTried; attempt++)
        {
            var candidate = paths.DataFolder(snapshot.Generation, snapshot.Step, attempt);
            if (!storage.TryCreateDirectory(candidate))
                continue;
            folder = candidate;
            storage.SyncDirectory(paths.Data);
            return attempt;
        }

        throw new IOException($"All {MaxAttemptsTried} attempts at step {snapshot.Step} of generation {snapshot.Generation} have a folder in '{paths.Data}'.");
    }

    private CheckpointFile WriteState(string path, byte[] utf8)
    {
        using var file = storage.Create(path);
        file.Write(utf8);
        file.Sync();
        file.Close();
        return new CheckpointFile(Path.GetFileName(path), utf8.Length, Convert.ToHexStringLower(XxHash128.Hash(utf8)), 0);
    }

    /// <summary>Removes what an attempt left. Best effort, since the storage just failed: what stays is an orphan that retention collects.</summary>
    private void Abandon(string? folder)
    {
        if (folder is null)
            return;
        try
        {
            foreach (var entry in storage.List(folder))
                storage.Delete(Path.Combine(folder, entry.Name));
            storage.DeleteDirectory(folder);
        }
        catch (IOException)
        {
        }
    }

    private sealed record PlannedFiles(
        string WeightsXxh128,
        IReadOnlyDictionary<string, string> ModelMetadata,
        IReadOnlyList<TensorSource> Moments,
        IReadOnlyDictionary<string, string> MomentMetadata,
        byte[] State,
        long Bytes);
}
