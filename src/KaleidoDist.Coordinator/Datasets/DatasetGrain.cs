using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>The record of one data set manifest, keyed by its content.</summary>
[Alias("kaleido.IDatasetGrain")]
internal interface IDatasetGrain : IGrainWithStringKey
{
    /// <summary>Keeps the manifest, as JSON; does nothing when it is kept already.</summary>
    [Alias("Keep")]
    Task Keep(string manifestJson);

    /// <summary>The manifest, as JSON; null when there is none.</summary>
    [Alias("Get")]
    Task<string?> Get();
}

/// <summary>What a <see cref="DatasetGrain"/> stores.</summary>
internal sealed class DatasetRecord
{
    /// <summary>The manifest, as JSON.</summary>
    public string? Manifest { get; set; }
}

/// <summary>Keeps one manifest: large, never changed, and so not part of the job's often written state.</summary>
internal sealed class DatasetGrain([PersistentState("dataset", SqliteGrainStorage.Name)] IPersistentState<DatasetRecord> record) : Grain, IDatasetGrain
{
    /// <inheritdoc/>
    public async Task Keep(string manifestJson)
    {
        if (record.State.Manifest == manifestJson)
            return;
        record.State.Manifest = manifestJson;
        await record.WriteStateAsync();
    }

    /// <inheritdoc/>
    public Task<string?> Get() => Task.FromResult(record.State.Manifest);
}

/// <summary>Manifests by content.</summary>
/// <param name="grains">Their records.</param>
internal sealed class DatasetRecords(IGrainFactory grains)
{
    /// <summary>Keeps a manifest.</summary>
    /// <returns>The key to get it by: the same for the same files in the same places.</returns>
    public async Task<string> KeepAsync(DatasetManifest manifest)
    {
        var json = JsonSerializer.Serialize(manifest);
        var key = Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(json)));
        await grains.GetGrain<IDatasetGrain>(key).Keep(json);
        return key;
    }

    /// <summary>The manifest of a key.</summary>
    /// <exception cref="KaleidoException">There is none.</exception>
    public async Task<DatasetManifest> GetAsync(string key)
        => await grains.GetGrain<IDatasetGrain>(key).Get() is { } json && JsonSerializer.Deserialize<DatasetManifest>(json) is { } manifest
            ? manifest
            : throw new KaleidoException($"The coordinator's record of data set '{key}' is gone. Submit the job again.");
}
