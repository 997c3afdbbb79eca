using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The micro job on two ranks, undisturbed, from start to end: what every other run is compared with. Made once.</summary>
public class CalmRun : IAsyncLifetime
{
    private readonly MicroRun run = new();
    private readonly int steps;

    /// <summary>The job as it is.</summary>
    public CalmRun()
        : this(MicroJob.Steps)
    {
    }

    private protected CalmRun(int steps) => this.steps = steps;

    /// <summary>Its run folder; only for looking.</summary>
    internal MicroRun Run => run;

    /// <summary>XXH128 over its weights after the last step.</summary>
    internal string WeightsHash { get; private set; } = "";

    /// <summary>Its journal.</summary>
    internal IReadOnlyList<string> Story { get; private set; } = [];

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        await run.TrainToEnd(exitCode: 0, "--workers", "2", "--set", $"training.steps={steps}");
        WeightsHash = run.Newest.WeightsXxh128;
        Story = run.Story();
        Assert.Equal(steps + 2, Story.Count);
    }

    /// <inheritdoc/>
    public Task DisposeAsync()
    {
        run.Dispose();
        return Task.CompletedTask;
    }

    /// <summary>Asserts that another run came to the same weights by the same steps, bit for bit.</summary>
    internal void AssertSameAs(MicroRun other)
    {
        Assert.Equal(steps, other.Newest.Step);
        Assert.Equal(Story, other.Story());
        Assert.Equal(WeightsHash, other.Newest.WeightsXxh128);
    }
}

/// <summary>A longer calm run, for faults that need time to be noticed and recovered from.</summary>
public sealed class LongCalmRun() : CalmRun(Steps)
{
    /// <summary>Optimizer steps.</summary>
    internal const int Steps = 200;

    /// <summary>The setting that makes a run this long.</summary>
    internal static string Setting => $"training.steps={Steps}";
}

/// <summary>All tests that compare with the calm run.</summary>
[CollectionDefinition(Name)]
public sealed class CalmRunCollection : ICollectionFixture<CalmRun>
{
    /// <summary>Name of the collection.</summary>
    public const string Name = "runs of the micro job";
}
