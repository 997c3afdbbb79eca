using KaleidoDist.Chaos;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The proof in small, with deaths of every kind of process: scripts/chaos.sh runs it for longer, from any seed, with all kinds of faults.</summary>
public sealed class ChaosTests
{
    [Theory]
    [InlineData(1)]
    public async Task ARunUnderFaultsConsumesEverySampleOnceAndComesToTheWeightsOfACalmRun(int seed)
    {
        var options = new ChaosOptions
        {
            Seed = seed,
            Steps = 150,
            Pauses = (3, 6),
            Kinds = [FaultKind.KillRank, FaultKind.KillAgent, FaultKind.KillCoordinator, FaultKind.PauseRank],
            LivenessBound = TimeSpan.FromSeconds(90), // a test machine may be busy; scripts/chaos.sh is strict
            KeepFolder = Repository.PathOf("artifacts", "chaos", $"test-seed-{seed}"),
        };
        var said = new List<string>();
        var verdict = await new ChaosRun(options, TimeProvider.System, line => { lock (said) said.Add(line); }).RunAsync(CancellationToken.None);
        Assert.True(verdict.Passed, string.Join('\n', [.. said, .. ChaosReport.Lines(verdict)]));
    }
}
