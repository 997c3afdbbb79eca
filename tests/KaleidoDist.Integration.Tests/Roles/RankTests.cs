using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

[Collection(CalmRunCollection.Name)]
public sealed class RankTests
{
    [Fact]
    public async Task ARankThatNobodyOrdersSaysSoAndEnds()
    {
        var (exitCode, output, errors) = await KaleidoProcess.RunAsync("rank");
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Equal("The rank got no order to start; 'kaleido rank' is run by a worker agent, not by hand.", Assert.Single(errors));
    }
}
