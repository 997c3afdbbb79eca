using KaleidoDist.Chaos;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>
/// The proof in small, with every kind of fault: nothing may be lost and every injected fault must have fired. scripts/chaos.sh runs it for
/// longer, from any seed, and also wants every fault named and every pause short, which a test machine that is busy cannot promise.
/// </summary>
public sealed class ChaosTests
{
    [Theory]
    [InlineData(1)]
    public async Task ARunUnderFaultsConsumesEverySampleOnceAndComesToTheWeightsOfACalmRun(int seed)
    {
        var options = new ChaosOptions
        {
            Seed = seed, Steps = 200, Pauses = (1.5, 4), KeepFolder = Repository.PathOf("artifacts", "chaos", $"test-seed-{seed}"),
        };
        var said = new List<string>();
        var verdict = await new ChaosRun(options, TimeProvider.System, line => { lock (said) said.Add(line); }).RunAsync(CancellationToken.None);
        var report = string.Join('\n', [.. said, .. ChaosReport.Lines(verdict)]);
        Assert.True(verdict.Losses.Count == 0, report);
        Assert.True(verdict.Faults.Count >= 5 && verdict.Faults.All(fault => fault.Evidence is not null), report);
    }
}
