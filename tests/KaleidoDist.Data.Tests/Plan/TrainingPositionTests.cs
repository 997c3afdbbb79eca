using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class TrainingPositionTests
{
    [Fact]
    public void CountsSamplesStepByStepOverEpochs()
    {
        var table = new RowGroupTable(PlanData.Manifest([7, 7, 6]));
        var shape = new PlanShape(virtualRanks: 3, globalBatchSize: 9, shuffleWindow: 2);
        Assert.Equal(3, shape.StepCount(table.RowCount));
        long samples = 0;
        for (long step = 0; step < 8; step++)
        {
            var position = TrainingPosition.Of(step, table.RowCount, shape);
            Assert.Equal(new TrainingPosition(step, step / 3, step % 3, samples), position);
            Assert.Equal(step, TrainingPosition.StepOf(position.Epoch, position.StepInEpoch, table.RowCount, shape));
            samples += new EpochPlan(table, shape, 1, position.Epoch).SampleCount(position.StepInEpoch);
        }
    }

    [Theory]
    [InlineData(0, 4, 1, "0 virtual ranks, a global batch of 4 and a shuffle window of 1; expected each to be at least 1.")]
    [InlineData(3, 4, 1, "The global batch of 4 is not divisible by 3 virtual ranks; expected a multiple, such as 6.")]
    public void ShapesThatDoNotAddUpAreRefused(int virtualRanks, int globalBatchSize, int window, string message)
    {
        var error = Assert.Throws<KaleidoException>(() => new PlanShape(virtualRanks, globalBatchSize, window));
        Assert.Equal(message, error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }
}
