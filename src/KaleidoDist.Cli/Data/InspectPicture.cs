using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>The contact sheet of <c>kaleido data inspect --picture</c>.</summary>
internal static class InspectPicture
{
    private const ulong Seed = 42;

    /// <summary>Draws samples of the data set's first row group.</summary>
    internal static void Save(DatasetManifest manifest, string path)
    {
        PatchSource.RequirePictures(manifest, "A contact sheet shows");
        var group = Task.Run(async () =>
        {
            await using var reader = new RowGroupReader(manifest, new RowGroupTable(manifest), groupCapacity: 1);
            return await reader.ReadAsync(0);
        }).GetAwaiter().GetResult();
        ContactSheet.Save([group], ModelConfig.Preset("kaleido-tiny")!, path, Seed);
    }
}
