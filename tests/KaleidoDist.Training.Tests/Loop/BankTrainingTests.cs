using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training.Tests;

public sealed class BankTrainingTests : IDisposable
{
    private const int FeatureSize = 32;
    private readonly TestKit.TemporaryFolder folder = new();
    private readonly DatasetManifest bank;

    public BankTrainingTests()
    {
        WriteBank(folder["bank.parquet"], rowCount: 40, rowsPerGroup: 10);
        bank = DatasetIndexer.Index(folder["bank.parquet"]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void ABankTrainsToTheSameWeightsOnOneTwoAndThreeRanks()
    {
        var runs = new[] { 1, 2, 3 }.Select(ranks =>
        {
            using var training = new MicroTraining(
                "model.patch_encoder=bank", $"model.patch_feature_size={FeatureSize}", "training.steps=4", "training.global_batch_size=8", "training.verify_every=2");
            training.Setup = training.Setup with { Train = bank, Validation = bank };
            var port = new RecordingPort { OnPropose = training.Commit };
            return (Hash: LoopbackWorld.Train(training, ranks, port), Port: port);
        }).ToArray();
        Assert.All(runs, run => Assert.Equal(runs[0].Hash, run.Hash));
        Assert.All(runs, run => Assert.Equal(runs[0].Port.Steps.Select(step => step.TotalLoss), run.Port.Steps.Select(step => step.TotalLoss)));
        Assert.Equal(4, runs[0].Port.Steps.Count);
        Assert.All(runs[0].Port.Steps.SelectMany(step => step.Tasks), task => Assert.True(double.IsFinite(task.Loss)));
        Assert.NotEmpty(runs[0].Port.Validations);
    }

    private static void WriteBank(string path, int rowCount, int rowsPerGroup)
    {
        var properties = new BankProperties { Backbone = "random", WeightsXxh128 = "00", FeatureSize = FeatureSize, CellSide = 32 };
        Task.Run(async () =>
        {
            await using var stream = File.Create(path);
            await using var writer = await BankParquetWriter.CreateAsync(stream, properties);
            foreach (var group in Enumerable.Range(0, rowCount).Select(Row).Chunk(rowsPerGroup))
                await writer.WriteGroupAsync(group);
        }).GetAwaiter().GetResult();
    }

    private static RawRow Row(int index)
    {
        var random = new KeyedRandom((ulong)index, RandomPurpose.Import);
        var features = new byte[BankLayout.ByteCount(FeatureSize)];
        for (var i = 0; i < features.Length; i += 2)
            System.Buffers.Binary.BinaryPrimitives.WriteHalfLittleEndian(features.AsSpan(i), (Half)random.NextDouble());
        var positions = new float[PatchLevels.PatchCount * PatchNumbers.PositionSize];
        KaleidoPatches.WritePositions(100, 100, positions);
        return new RawRow
        {
            SampleIndex = index, ProductId = $"product-{index}", Image = default, Text = $"a red dress number {index} with long sleeves",
            Category = "tops", SubcategoryId = index % 3, Vectors = new BankVectors(features, positions),
        };
    }
}
