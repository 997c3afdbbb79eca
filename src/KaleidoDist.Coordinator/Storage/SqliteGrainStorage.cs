using System.Globalization;
using Orleans.Storage;

namespace KaleidoDist.Coordinator;

/// <summary>Orleans grain storage over <see cref="StateDatabase"/>. The etag is the row's version: a stale write is refused, whoever makes it.</summary>
/// <param name="database">The rows.</param>
internal sealed class SqliteGrainStorage(StateDatabase database) : IGrainStorage
{
    /// <summary>Name of the provider.</summary>
    public const string Name = "kaleido";

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (database.Read(stateName, Key(grainId)) is var (version, data))
        {
            grainState.State = StateJson.Read<T>(data);
            grainState.ETag = Tag(version);
            grainState.RecordExists = true;
        }
        else
        {
            grainState.State = Activator.CreateInstance<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var expected = Version(grainState.ETag);
        var written = await database.WriteAsync(new StateWrite(stateName, Key(grainId), expected, StateJson.Write(grainState.State)), CancellationToken.None).ConfigureAwait(false);
        if (!written)
            throw Conflict(stateName, grainId, grainState.ETag);
        grainState.ETag = Tag(expected + 1);
        grainState.RecordExists = true;
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var expected = Version(grainState.ETag);
        if (expected > 0 && !await database.WriteAsync(new StateWrite(stateName, Key(grainId), expected, null), CancellationToken.None).ConfigureAwait(false))
            throw Conflict(stateName, grainId, grainState.ETag);
        grainState.State = Activator.CreateInstance<T>();
        grainState.ETag = null;
        grainState.RecordExists = false;
    }

    private static string Key(GrainId grainId) => grainId.Key.ToString()!;

    private static string Tag(long version) => version.ToString(CultureInfo.InvariantCulture);

    private static long Version(string? tag) => string.IsNullOrEmpty(tag) ? 0 : long.Parse(tag, CultureInfo.InvariantCulture);

    private InconsistentStateException Conflict(string stateName, GrainId grainId, string? tag)
        => new($"The stored '{stateName}' of '{grainId}' is not the version this grain read.", database.Read(stateName, Key(grainId)) is var (version, _) ? Tag(version) : "none", tag ?? "none");
}
