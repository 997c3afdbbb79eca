using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// The rank's side of a save: its files in the attempt's folder, durable before anybody hears of them. Steps of the protocol:
/// <list type="number">
/// <item>room is checked, the attempt's folder is created under a name never used before, and its name made durable;</item>
/// <item>each file is created, hashed from memory while written, fsynced and closed, every result checked; then the folder is fsynced.</item>
/// </list>
/// The ranks of one save agree on the attempt before it begins: they write into the same folder, each file under a name that is one rank's
/// alone. The coordinator's side is <see cref="CheckpointCatalog.Commit"/>. Any error ends the attempt; nothing is tried twice under one name.
/// </summary>
/// <param name="runDirectory">The run folder.</param>
/// <param name="storage">Where to write; the POSIX file system unless given.</param>
public sealed class CheckpointShardWriter(string runDirectory, IStorage? storage = null)
{
    private const int MaxAttemptsTried = 1000;
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage storage = storage ?? CheckpointStores.Of(runDirectory);

    /// <summary>Saves a snapshot.</summary>
    /// <returns>What to report to the coordinator.</returns>
    /// <exception cref="CheckpointWriteException">It was not saved; the attempt is given up.</exception>
    /// <exception cref="OperationCanceledException">The same, because somebody wished it.</exception>
    public CheckpointShard Write(CheckpointSnapshot snapshot, CancellationToken cancellation = default)
    {
        if (snapshot is { ShardCount: > 1, WeightsXxh128: null })
            throw new ArgumentException("One shard of several does not have all weights: their hash must be given.", nameof(snapshot));
        var files = Plan(snapshot, snapshot.WeightsXxh128 ?? WeightsHash.Compute(snapshot.Weights));
        string? folder = null;
        var written = new List<CheckpointFile>();
        try
        {
            // 1. Room and a folder whose name is new.
            paths.EnsureFolders(storage);
            RequireRoom(snapshot.Step, files.Bytes);
            var attempt = CreateFolder(snapshot, ref folder);

            // 2. The files, then their names.
            written.Add(SafetensorsWriter.Write(storage, Path.Combine(folder, files.Names[0]), snapshot.Weights, files.Metadata, snapshot.IsFinal, cancellation));
            written.Add(SafetensorsWriter.Write(storage, Path.Combine(folder, files.Names[1]), files.Moments, files.Metadata, snapshot.IsFinal, cancellation));
            written.Add(WriteState(Path.Combine(folder, files.Names[2]), files.State, snapshot.IsFinal));
            cancellation.ThrowIfCancellationRequested();
            storage.SyncDirectory(folder);
            return new CheckpointShard(attempt, Path.GetFileName(folder), written, files.WeightsXxh128);
        }
        catch (IOException error) when (error is not CheckpointWriteException)
        {
            // A name that was taken is somebody else's file.
            var isTaken = error is PosixException { Errno: Errno.EEXIST } or ObjectStoreException { IsNameTaken: true };
            Abandon(folder, [.. files.Names.Take(written.Count + (isTaken ? 0 : 1))]);
            throw CheckpointWriteException.Failed(paths.Run, snapshot.Step, files.Bytes, error);
        }
        catch (OperationCanceledException)
        {
            Abandon(folder, files.Names);
            throw;
        }
    }

    /// <summary>Removes the files of a shard that can never be part of a checkpoint, because another rank's part of it failed. Best effort.</summary>
    public void Discard(CheckpointShard shard) => Abandon(Path.Combine(paths.Data, shard.Directory), [.. shard.Files.Select(f => f.Name)]);

    /// <summary>The moments under the names they have in the file.</summary>
    internal static IReadOnlyList<TensorSource> Moments(CheckpointSnapshot snapshot) =>
    [
        .. snapshot.FirstMoments.Select(m => m with { Name = ShardNames.FirstMoment + m.Name }),
        .. snapshot.SecondMoments.Select(m => m with { Name = ShardNames.SecondMoment + m.Name }),
    ];

    private static PlannedFiles Plan(CheckpointSnapshot snapshot, string weightsXxh128)
    {
        var moments = Moments(snapshot);
        var metadata = Metadata(snapshot, weightsXxh128);
        var state = snapshot.State.ToUtf8();
        var bytes = SafetensorsWriter.SizeOf(snapshot.Weights, metadata) + SafetensorsWriter.SizeOf(moments, metadata) + state.Length;
        string[] names =
        [
            ShardNames.Tensors(ShardNames.Model, snapshot.Shard, snapshot.ShardCount),
            ShardNames.Tensors(ShardNames.Optimizer, snapshot.Shard, snapshot.ShardCount),
            ShardNames.Json(ShardNames.State, snapshot.Shard, snapshot.ShardCount),
        ];
        return new PlannedFiles(names, weightsXxh128, metadata, moments, state, bytes);
    }

    /// <summary>Enough to tell a file whose manifest is gone, and the weights it belongs to; any safetensors reader opens it.</summary>
    private static Dictionary<string, string> Metadata(CheckpointSnapshot snapshot, string weightsXxh128) => new()
    {
        ["format"] = "pt",
        ["kaleido_job"] = snapshot.JobId,
        ["step"] = snapshot.Step.ToString(CultureInfo.InvariantCulture),
        ["generation"] = snapshot.Generation.ToString(CultureInfo.InvariantCulture),
        ["content_xxh128"] = weightsXxh128,
    };

    private void RequireRoom(long step, long bytes)
    {
        // A tenth more: file system metadata, the manifest, and whoever else writes meanwhile.
        var needed = bytes + bytes / 10;
        var free = storage.FreeBytes(paths.Run);
        if (free < needed)
            throw CheckpointWriteException.NoRoom(paths.Run, step, needed, free);
    }

    /// <summary>Creates the attempt's folder, or finds it as another rank of the save created it. <paramref name="folder"/> is set only when it is ours, also if this throws.</summary>
    private int CreateFolder(CheckpointSnapshot snapshot, [NotNull] ref string? folder)
    {
        for (var attempt = snapshot.FirstAttempt; attempt < snapshot.FirstAttempt + MaxAttemptsTried; attempt++)
        {
            var candidate = paths.DataFolder(snapshot.Generation, snapshot.Step, attempt);
            if (!storage.TryCreateDirectory(candidate) && snapshot.ShardCount == 1)
                continue;
            folder = candidate;
            // Also where another rank created it: it may be lost before it makes the name durable.
            storage.SyncDirectory(paths.Data);
            return attempt;
        }

        throw new IOException($"All {MaxAttemptsTried} attempts at step {snapshot.Step} of generation {snapshot.Generation} have a folder in '{paths.Data}'.");
    }

    private CheckpointFile WriteState(string path, byte[] utf8, bool withSha256)
    {
        using var file = storage.Create(path);
        file.Write(utf8);
        file.Sync();
        file.Close();
        using var hash = new FileHash(withSha256);
        hash.Append(utf8);
        return hash.Finish(Path.GetFileName(path), tensors: 0);
    }

    /// <summary>
    /// Removes what an attempt left of this rank's, and the folder once nobody's files are in it. Best effort, since the storage just failed: what
    /// stays is an orphan that retention collects.
    /// </summary>
    private void Abandon(string? folder, IReadOnlyList<string> names)
    {
        if (folder is null)
            return;
        try
        {
            var entries = storage.List(folder);
            foreach (var entry in entries.Where(e => names.Contains(e.Name)))
                storage.Delete(Path.Combine(folder, entry.Name));
            if (entries.All(e => names.Contains(e.Name)))
                storage.DeleteDirectory(folder);
        }
        catch (IOException)
        {
        }
    }

    private sealed record PlannedFiles(
        IReadOnlyList<string> Names,
        string WeightsXxh128,
        IReadOnlyDictionary<string, string> Metadata,
        IReadOnlyList<TensorSource> Moments,
        byte[] State,
        long Bytes);
}
