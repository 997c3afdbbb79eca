using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>The ablations of the paper's Table 4 as jobs.</summary>
public sealed class AblationTests
{
    [Theory]
    [InlineData("b", "mlm itm")]
    [InlineData("b-i", "mlm itm rotation")]
    [InlineData("b-i-ii", "mlm itm rotation jigsaw")]
    [InlineData("b-i-iii", "mlm itm rotation jigsaw camouflage")]
    [InlineData("b-i-iv", "mlm itm rotation jigsaw camouflage grey")]
    [InlineData("b-i-v", "mlm itm rotation jigsaw camouflage grey blank")]
    [InlineData("b-v", "mlm itm blank")]
    [InlineData("random-masking", "mlm itm rotation jigsaw camouflage grey blank")]
    [InlineData("whole-picture", "mlm itm rotation jigsaw camouflage grey blank")]
    public void EachRowTrainsItsTasksAndDiffersFromTheFullModelInNothingElse(string row, string tasks)
    {
        var spec = Read(row);
        Assert.Equal(tasks, string.Join(' ', spec.Training.Tasks.Tasks.Select(task => PretrainTasks.Names[(int)task])));
        Assert.Equal((row == "random-masking" ? MaskingKind.Random : MaskingKind.Aligned, row == "whole-picture" ? BoxKind.Whole : BoxKind.Foreground), (spec.Training.Masking, spec.Data.Box));
        var full = Read("b-i-v");
        Assert.Equal(full, spec with
        {
            Name = full.Name, Checkpoint = full.Checkpoint, Data = spec.Data with { Box = full.Data.Box }, Training = spec.Training with { Tasks = TaskWeights.All, Masking = full.Training.Masking },
        });
    }

    [Fact]
    public void TheScaleFixedRowHasOneGridOfPatchesOfTheWholePicture()
    {
        var spec = Read("scale-fixed");
        Assert.Equal((PatchLayoutKind.Grid8, BoxKind.Whole, LossWeighting.Fixed), (spec.Model.PatchLayout, spec.Data.Box, spec.Training.LossWeighting));
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Itm, PretrainTask.Blank], spec.Training.Tasks.Tasks);
        var fashion = Read(Path.Combine("..", "fashionbert"));
        Assert.Equal((PatchLayoutKind.Grid8, BoxKind.Whole, LossWeighting.Adaptive), (fashion.Model.PatchLayout, fashion.Data.Box, fashion.Training.LossWeighting));
        Assert.Equal(spec.Training.Tasks, fashion.Training.Tasks);
    }

    [Fact]
    public void EveryFileIsInTheTable()
    {
        var table = File.ReadAllText(Repository.PathOf("configs", "ablation", "README.md"));
        Assert.All(Directory.GetFiles(Repository.PathOf("configs", "ablation"), "*.yaml"), file => Assert.Contains($"`{Path.GetFileName(file)}`", table, StringComparison.Ordinal));
    }

    private static JobSpec Read(string row) => JobSpecReader.Read(File.ReadAllText(Repository.PathOf("configs", "ablation", $"{row}.yaml")), row, Repository.Root).OrThrow();
}
