using Orleans.Runtime;
using Orleans.Storage;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>The state folder's storage, with a disk that can be full.</summary>
internal sealed class FullDisk(IGrainStorage disk) : IGrainStorage
{
    public bool IsFull { get; set; }

    /// <summary>Writes that failed.</summary>
    public int FailedCount { get; private set; }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => disk.ReadStateAsync(stateName, grainId, grainState);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (!IsFull)
            return disk.WriteStateAsync(stateName, grainId, grainState);
        FailedCount++;
        throw new IOException("No space left on device");
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => disk.ClearStateAsync(stateName, grainId, grainState);
}
