namespace KaleidoDist.Coordinator.Tests;

public sealed class ProgressWatchTests
{
    private readonly ProgressWatch watch = new(limit: null);
    private DateTimeOffset now = JobSamples.Noon;

    [Theory]
    [InlineData("data", "reduce", "reduce", "1 data")]
    [InlineData("data", "reduce", "backward", "1 data", "3 backward")]
    public void RanksThatAllOthersWaitForAreNamedOnceAndGivenUpAfterAMinute(string first, string second, string third, params string[] stuck)
    {
        Usual(0.2);
        string[] phases = [first, second, third];
        Assert.Equal("", Run(2.75, phases));
        Assert.Equal(Each("2.75 named"), Run(0.25, phases));
        Assert.Equal("", Run(57.25, phases));
        Assert.Equal(Each("60.25 over"), Run(0.25, phases));
        Assert.Equal("", Run(100, phases));

        string Each(string fate) => string.Join(", ", stuck.Select(rank => $"{rank} {fate}"));
    }

    [Fact]
    public void ARankWhoseStepsTakeLongIsGivenLonger()
    {
        Usual(10);
        Assert.Equal("", Run(50.25, "forward", "reduce", "reduce"));
        Assert.Equal("1 forward 50.25 named", Run(0.25, "forward", "reduce", "reduce"));
        Assert.Equal("", Run(149.75, "forward", "reduce", "reduce"));
        Assert.Equal("1 forward 200.25 over", Run(0.25, "forward", "reduce", "reduce"));
    }

    [Fact]
    public void WhereNobodyWaitsNobodyIsNamed()
    {
        Usual(0.2);
        Assert.Equal("", Run(100, "data", "data", "data"));
    }

    [Fact]
    public void TimeBeforeThePeersWaitedDoesNotCount()
    {
        Usual(0.2);
        Assert.Equal("", Run(2.5, "data", "forward", "reduce"));
        Assert.Equal("", Run(2.75, "data", "reduce", "reduce"));
        Assert.Equal("1 data 2.75 named", Run(0.25, "data", "reduce", "reduce"));
    }

    [Fact]
    public void ARankThatIsOnlyLastIsNotNamed()
    {
        Usual(0.2);
        for (var step = 0; step < 100; step++)
            Assert.Equal("", Run(1, step % 2 == 0 ? "forward" : "backward", "reduce", "reduce"));
    }

    [Fact]
    public void ACheckpointMayTakeItsTime()
    {
        Usual(0.2);
        Assert.Equal("", Run(30.25, "checkpoint", "reduce", "reduce"));
        Assert.Equal("1 checkpoint 30.25 named", Run(0.25, "checkpoint", "reduce", "reduce"));
    }

    [Fact]
    public void WhatWasNotSeenJustNowIsNoEvidence()
    {
        Usual(0.2);
        Run(2, "data", "reduce", "reduce");
        now += TimeSpan.FromSeconds(10);
        Assert.Empty(watch.Look(Members(3), now));
    }

    [Fact]
    public void ARankAloneKeepsNobodyWaiting() => Assert.Equal("", Run(100, "data"));

    private static (long, string)[] Members(int count) => [.. Enumerable.Range(1, count).Select(m => ((long)m, "w"))];

    private void Usual(double seconds)
    {
        for (var member = 1; member <= 3; member++)
            watch.Stepped(member, seconds);
    }

    /// <summary>Beats every 250 ms; what was found, as in "1 data 2.75 named".</summary>
    private string Run(double seconds, params string[] phases)
    {
        var found = new List<string>();
        for (var beat = 0; beat < seconds / 0.25; beat++)
        {
            for (var rank = 0; rank < phases.Length; rank++)
                watch.Saw(rank + 1, new RankPlace(phases[rank], 9), now);
            found.AddRange(watch.Look(Members(phases.Length), now).Select(s => $"{s.Member} {s.At.Phase} {s.Stay.TotalSeconds:0.##} {(s.IsOver ? "over" : "named")}"));
            now += TimeSpan.FromSeconds(0.25);
        }

        return string.Join(", ", found);
    }
}
