using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The micro job in a run folder of its own, and what it left there.</summary>
internal sealed class MicroRun : IDisposable
{
    private readonly TemporaryFolder folder = new();

    /// <summary>The run folder.</summary>
    public string Folder => folder["run"];

    /// <summary>The journal as it is now.</summary>
    public RunHistory History => RunHistory.Read(Folder);

    /// <summary>The checkpoints as they are now; damaged ones as null.</summary>
    public IReadOnlyList<CheckpointManifest> Checkpoints => [.. Catalog.List().Select(listing => listing.Manifest).OfType<CheckpointManifest>()];

    /// <summary>The newest checkpoint, with every byte of it verified.</summary>
    public CheckpointManifest Newest
    {
        get
        {
            var selection = Catalog.FindLatestValid();
            Assert.Empty(selection.Damages);
            return selection.Manifest ?? throw new InvalidOperationException($"'{Folder}' has no checkpoint.");
        }
    }

    private CheckpointCatalog Catalog => new(Folder, TimeProvider.System);

    /// <summary>The options that name the job and this folder.</summary>
    public IReadOnlyList<string> Job(params IEnumerable<string> settings)
        => [MicroJob.File, "--set", $"checkpoint.uri={Folder}", .. settings.SelectMany(setting => new[] { "--set", setting })];

    /// <summary>Starts <c>kaleido train</c> with more options.</summary>
    public KaleidoProcess Train(params IEnumerable<string> options) => KaleidoProcess.Start(["train", .. Job(), .. options]);

    /// <summary>Runs <c>kaleido train</c> to its end; returns its lines.</summary>
    public async Task<IReadOnlyList<string>> TrainToEnd(int exitCode, params IEnumerable<string> options)
    {
        await using var train = Train(options);
        await train.Exit("training", exitCode);
        return train.Output;
    }

    /// <summary>Waits until the journal has a step, while <paramref name="process"/> runs.</summary>
    public Task Reaches(long step, KaleidoProcess process)
        => process.While($"step {step} in the journal", () => History.Steps is [.., var last] && last.Step >= step ? last : null);

    /// <summary>
    /// Everything of the journal that a fault or another number of ranks must not change: all but times, generations and world sizes. Evaluations
    /// at the ends only: a run that was stopped in between has one more.
    /// </summary>
    public IReadOnlyList<string> Story()
    {
        var history = History;
        Assert.Equal(0, history.SkippedLineCount);
        return
        [
            .. history.Steps.Select(step => Line(step with { StepSeconds = 0, DataWaitSeconds = 0, ComputeSeconds = 0, ReduceSeconds = 0, Generation = 0, WorldSize = 0 })),
            .. history.Validations.Where(validation => validation.Step == 0 || validation.Step == history.Steps[^1].Step).Select(Line),
        ];
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private static string Line<T>(T record) => JsonSerializer.Serialize(record, JournalFormat.Json);
}
