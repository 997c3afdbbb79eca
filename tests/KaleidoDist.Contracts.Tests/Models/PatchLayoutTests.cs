namespace KaleidoDist.Contracts.Tests;

public sealed class PatchLayoutTests
{
    [Fact]
    public void KaleidoPatchesAreThoseThatAlignmentsName()
    {
        var layout = PatchLayout.Kaleido;
        Assert.Equal((PatchLevels.PatchCount, PatchLevels.Count, 5), (layout.PatchCount, layout.Levels.Length, layout.FinestGrid));
        for (var level = 1; level <= PatchLevels.Count; level++)
            Assert.Equal((level, PatchLevels.Offset(level), PatchLevels.Size(level)), (layout.Levels[level - 1].Grid, layout.Levels[level - 1].Offset, layout.Levels[level - 1].Count));
        Assert.All(Enum.GetValues<PretrainTask>(), task => Assert.True(layout.Has(task)));
        Assert.Equal((1, 2, 3), (layout.Corrupted(PretrainTask.Camouflage), layout.Corrupted(PretrainTask.Grey), layout.Corrupted(PretrainTask.Blank)));
    }

    [Fact]
    public void AGridOfEightCanOnlyBlankPatches()
    {
        var layout = new ModelConfig { PatchLayout = PatchLayoutKind.Grid8 }.Patches;
        Assert.Same(PatchLayout.Grid8, layout);
        Assert.Equal((64, 8, 5), (layout.PatchCount, layout.FinestGrid, layout.Corrupted(PretrainTask.Blank)));
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Itm, PretrainTask.Blank], Enum.GetValues<PretrainTask>().Where(layout.Has));
        Assert.Equal((0, 0), (layout.Corrupted(PretrainTask.Jigsaw), layout.LevelNumber(PretrainTask.Jigsaw)));
        Assert.Throws<InvalidOperationException>(() => layout.LevelOf(PretrainTask.Jigsaw));
    }
}
