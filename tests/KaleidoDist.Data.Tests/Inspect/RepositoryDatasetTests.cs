namespace KaleidoDist.Data.Tests;

/// <summary>The data set in configs/data/openclipart, which the quickstart trains on.</summary>
public sealed class RepositoryDatasetTests
{
    private static string Folder
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "KaleidoDist.sln")))
                folder = folder.Parent ?? throw new InvalidOperationException($"No KaleidoDist.sln above {AppContext.BaseDirectory}.");
            return Path.Combine(folder.FullName, "configs", "data", "openclipart");
        }
    }

    [Fact]
    public async Task EveryPictureDecodesAndEveryTextHasWords()
    {
        var train = await DatasetInspector.InspectAsync(DatasetIndexer.Index(Path.Combine(Folder, "train")));
        var valid = await DatasetInspector.InspectAsync(DatasetIndexer.Index(Path.Combine(Folder, "valid", "*.parquet")));
        Assert.Equal((2_379L, 24L, 4, 0L), (train.RowCount, train.RowGroupCount, train.Files.Count, train.BadRowCount));
        Assert.Equal((247L, 2L, 1, 0L), (valid.RowCount, valid.RowGroupCount, valid.Files.Count, valid.BadRowCount));
        Assert.Equal(19, train.Categories.Count);
        Assert.All(train.PictureSizes, s => Assert.True(s is { Width: >= 96 and <= 112, Height: >= 96 and <= 112 }));
    }
}
