using KaleidoDist.Contracts;

namespace KaleidoDist.Cli.Tests;

public sealed class JobPlanTests
{
    [Fact]
    public void StepsAndSamplesFollowFromTheRows()
    {
        var plan = Plan(2_403);

        // Slices of 300 or 301 samples in leaves of 4: 76 steps, of which the last takes 301 - 300 of three slices.
        Assert.Equal((76L, 3L, 152L, 2.0, 4_806L), (plan.StepsPerEpoch, plan.LastStepSamples, plan.TotalSteps, plan.Epochs, plan.TotalSamples));
        Assert.Equal((15L, 4, 1, 3.125), (plan.WarmupSteps, plan.LeafSize, plan.MicroBatchesPerLeaf, plan.RowGroupsPerVirtualRank));
    }

    [Fact]
    public void StepsMayBeGivenInsteadOfEpochs()
    {
        var plan = Plan(2_400, "training.steps=100", "training.schedule.warmup=50");
        Assert.Equal((100L, 75L, 3_200L, 50L), (plan.TotalSteps, plan.StepsPerEpoch, plan.TotalSamples, plan.WarmupSteps));
        Assert.Equal(100.0 / 75, plan.Epochs);
    }

    [Fact]
    public void EveryWorldSizeUpToTheVirtualRanksIsPlanned()
    {
        var worlds = Plan(2_400).Worlds;
        Assert.Equal(Enumerable.Range(1, 8), worlds.Select(w => w.WorldSize));
        Assert.Equal([8, 4, 2, 2, 1, 1, 1, 1], worlds.Select(w => w.FewestVirtualRanks));
        Assert.Equal([8, 4, 3, 2, 2, 2, 2, 1], worlds.Select(w => w.MostVirtualRanks));
        Assert.Equal([1, 1, 8 / 9.0, 1, 0.8, 8 / 12.0, 8 / 14.0, 1], worlds.Select(w => w.Balance));
        Assert.Equal((8, 12), (worlds[2].FewestSamples, worlds[2].MostSamples));
    }

    [Fact]
    public void ManyVirtualRanksArePlannedForTheWorldSizesThatMatter()
        => Assert.Equal([.. Enumerable.Range(1, 64), 128, 200, 256, 512], Plan(100_000, "training.virtual_ranks=512", "training.global_batch_size=512", "workers.max=200").Worlds.Select(w => w.WorldSize));

    [Theory]
    [InlineData(8, 0, 8, 3)]
    [InlineData(8, 4, 4, 2)]
    [InlineData(8, 2, 3, 2)]
    [InlineData(8, 7, 1, 1)]
    [InlineData(1, 0, 1, 1)]
    public void ARankHoldsAsManyPartialSumsAsItsLeavesNeedOnTheWay(int virtualRanks, int first, int count, int most)
        => Assert.Equal(most, MemoryEstimate.MostPartials(virtualRanks, new VirtualRankRange(first, count)));

    [Fact]
    public void BuffersAreCountedExactly()
    {
        var train = new DatasetPlan(Files: 1, RowGroups: 10, Rows: 1_000, Bytes: 5_000_000, "0123456789abcdef");
        var spec = Spec("data.shuffle_window=2");
        var memory = MemoryEstimate.Of(spec, train, 1_000_000, worldSize: 1, new VirtualRankRange(0, 8));
        Assert.Equal((4_000_000L, 4_000_000L, 8_000_000L, 12_000_000L), (memory.WeightBytes, memory.GradientBytes, memory.MomentBytes, memory.PartialBytes));
        Assert.Equal((12_000_000L, 5_000_000L), (memory.SnapshotBytes, memory.DataBytes));
        Assert.Equal(45_000_000 + memory.ActivationBytes + memory.ProgramBytes, memory.TotalBytes);

        // A quarter of the virtual ranks: three windows of two row groups, a quarter of the checkpoint.
        var quarter = MemoryEstimate.Of(spec, train, 1_000_000, worldSize: 4, new VirtualRankRange(2, 2));
        Assert.Equal((3_000_000L, 3_000_000L), (quarter.SnapshotBytes, quarter.DataBytes));
    }

    [Fact]
    public void TheBaseModelIsCountedWithoutTheRowsThatThePapersModelNeverUses()
        => Assert.Equal(121_290_081 - (24 * 768), Plan(2_400, "model.preset=kaleido-base").ParameterCount);

    [Fact]
    public void WhatIsProbablyNotMeantIsWarnedOf()
    {
        Assert.Equal(["There is no validation set: how much was learned beyond the training set is not measured. Name one as data.validation."], Plan(20_000).Warnings);
        Assert.StartsWith("training.reduction is 'fast': the weights depend on the number of ranks", Plan(20_000, "training.reduction=fast").Warnings[0], StringComparison.Ordinal);
        Assert.Equal(
            [
                "The training set has 1 row groups for 8 virtual ranks: several read the same one. Write it with smaller row groups.",
                "The training set has 20 rows, fewer than training.global_batch_size 32: every step takes all of them.",
                "training.micro_batch_size is 16, but a virtual rank has 4 samples in a step: 4 are computed at once. Lower training.virtual_ranks or raise training.global_batch_size to compute more.",
                "There is no validation set: how much was learned beyond the training set is not measured. Name one as data.validation.",
                "The learning rate rises in 0 steps; this encoder wants at least 50. Raise training.schedule.warmup if the loss jumps.",
                "With workers.max 7 ranks compute 57.1 % of the time and wait else. A divisor of training.virtual_ranks 8 has no waiting.",
            ],
            Plan(20, "training.micro_batch_size=16", "workers.max=7").Warnings);
    }

    private static JobSpec Spec(params string[] overrides) => JobSpecReader.Read(
        """
        name: job
        model: { preset: kaleido-tiny }
        data: { train: t }
        training: { global_batch_size: 32, virtual_ranks: 8, micro_batch_size: 4, epochs: 2 }
        checkpoint: { uri: /runs/job }
        """,
        "job.yaml",
        "/",
        overrides).OrThrow();

    private static JobPlan Plan(long rows, params string[] overrides)
    {
        List<RowGroupRun> groups = [];
        if (rows / 100 > 0)
            groups.Add(new RowGroupRun(rows / 100, 100));
        if (rows % 100 > 0)
            groups.Add(new RowGroupRun(1, rows % 100));
        return JobPlan.Of(Spec(overrides), new DatasetManifest("0123456789abcdef", rows, [new DatasetFile("/t/a.parquet", 1 << 20, groups, "")], "kaleido-raw"), null);
    }
}
