namespace KaleidoDist.Checkpoints.Tests;

/// <summary>How weights are split into files.</summary>
public sealed class WeightShardsTests
{
    [Theory]
    [InlineData(100, "40 30 30", "0..3")]
    [InlineData(99, "40 30 30", "0..2 2..3")]
    [InlineData(40, "40 30 30", "0..1 1..2 2..3")]
    [InlineData(10, "40 30", "0..1 1..2")]
    [InlineData(10, "4 0 6 40 0 1", "0..3 3..4 4..6")]
    [InlineData(10, "", "0..0")]
    public void AFileIsFullWhenTheNextTensorWouldBeTooMuchAndALargerOneHasItsOwn(long maxBytes, string sizes, string files)
        => Assert.Equal(files, string.Join(' ', WeightShards.Split([.. sizes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)], maxBytes)));
}
