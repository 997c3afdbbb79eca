using System.Text.Json;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

[Collection(CalmRunCollection.Name)]
public sealed class StepBenchTests
{
    [Fact]
    public async Task EveryWayIsMeasuredWithRealRanks()
    {
        var (exitCode, output, errors) = await KaleidoProcess.RunAsync("bench", "step", "--workers", "3", "--steps", "2", "--samples", "1", "--json");
        Assert.Equal((0, ""), (exitCode, string.Join('\n', errors)));
        var report = JsonDocument.Parse(Assert.Single(output)).RootElement;
        Assert.Equal(("kaleido-tiny", 3, 8), (report.GetProperty("preset").GetString(), report.GetProperty("workers").GetInt32(), report.GetProperty("virtual_ranks").GetInt32()));
        var ways = report.GetProperty("ways").EnumerateArray().ToArray();
        Assert.Equal(["exact, overlap", "exact, in turn", "fast, overlap", "fast, in turn"], ways.Select(way => way.GetProperty("way").GetString()));
        Assert.All(ways, way =>
        {
            var (steps, exposed) = (Seconds(way, "step_seconds"), Seconds(way, "exposed_seconds"));
            Assert.Equal((2, 2), (steps.Length, exposed.Length));
            Assert.All(steps.Zip(exposed), pair => Assert.InRange(pair.Second, 0, pair.First));
        });
    }

    [Theory]
    [InlineData("--workers is 1; expected 2 to 8, the virtual ranks.", "--workers", "1")]
    [InlineData("--workers is 9; expected 2 to 8, the virtual ranks.", "--workers", "9")]
    [InlineData("--preset does not know 'huge'; expected one of kaleido-tiny, kaleido-small, kaleido-base, fashionbert.", "--preset", "huge")]
    [InlineData("--steps is 0; expected at least 1.", "--steps", "0")]
    public async Task WhatCannotBeMeasuredIsRefused(string message, string option, string value)
    {
        var (exitCode, output, errors) = await KaleidoProcess.RunAsync("bench", "step", option, value);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Equal(message, Assert.Single(errors));
    }

    private static double[] Seconds(JsonElement way, string name) => [.. way.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
