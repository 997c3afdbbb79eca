namespace KaleidoDist.Contracts.Tests;

public sealed class ModelConfigTests
{
    [Fact]
    public void EveryPresetNameHasAPresetThatFits()
        => Assert.All(ModelConfig.PresetNames, name =>
        {
            var preset = ModelConfig.Preset(name)!;
            Assert.Equal(0, preset.HiddenSize % preset.HeadCount);
            Assert.Equal(0, preset.HiddenSize % ModelConfig.WidthMultiple);
        });

    [Fact]
    public void AnUnknownPresetIsNull() => Assert.Null(ModelConfig.Preset("kaleido-huge"));

    [Fact]
    public void TheFiveLevelsHoldFiftyFivePatches()
    {
        Assert.Equal([0, 1, 5, 14, 30], Enumerable.Range(1, 5).Select(PatchLevels.Offset));
        Assert.Equal(PatchLevels.PatchCount, PatchLevels.Offset(PatchLevels.Count) + PatchLevels.Size(PatchLevels.Count));
    }

    [Fact]
    public void AReconstructionPredictsPixelsOrBankVectors()
    {
        Assert.Equal(768, ModelConfig.Preset("kaleido-tiny")!.ReconstructionSize);
        Assert.Equal(2048, ModelConfig.Preset("kaleido-base")!.ReconstructionSize);
    }

    [Fact]
    public void EveryTaskHasANameAndOnlyClassificationsHaveAChance()
    {
        Assert.Equal(PretrainTasks.Count, PretrainTasks.Names.Count);
        Assert.Equal(PretrainTasks.Count, Enum.GetValues<PretrainTask>().Length);
        Assert.Equal([1 / 30_522.0, 1 / 2.0, 1 / 4.0, 1 / 24.0, 1 / 9.0, double.NaN, double.NaN], Enum.GetValues<PretrainTask>().Select(t => PretrainTasks.Chance(t, 30_522)));
        Assert.Equal([true, true, true, true, true, false, false], Enum.GetValues<PretrainTask>().Select(PretrainTasks.IsClassification));
    }
}
