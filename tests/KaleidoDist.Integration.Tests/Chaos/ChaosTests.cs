using KaleidoDist.Chaos;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The proof in small: scripts/chaos.sh runs it for longer and from any seed.</summary>
public sealed class ChaosTests
{
    [Theory]
    [InlineData(1)]
    public async Task ARunUnderFaultsConsumesEverySampleOnceAndComesToTheWeightsOfACalmRun(int seed)
    {
        var options = new ChaosOptions { Seed = seed, Steps = 150, Pauses = (1, 3), KeepFolder = Repository.PathOf("artifacts", "chaos", $"test-seed-{seed}") };
        var said = new List<string>();
        var verdict = await new ChaosRun(options, TimeProvider.System, line => { lock (said) said.Add(line); }).RunAsync(CancellationToken.None);
        Assert.True(verdict.Passed, string.Join('\n', [.. said, .. ChaosReport.Lines(verdict)]));
    }
}
