using System.Security.Cryptography;
using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Banks of a few pictures at the smallest side, by processes that are killed, and jobs that train on them.</summary>
public sealed class ExtractionTests : IDisposable
{
    private const int RowCount = 24, GroupCount = 12;
    private readonly TemporaryFolder folder = new();

    public ExtractionTests()
    {
        File.WriteAllText(folder["extract.yaml"], """
            name: extraction
            data: { train: pictures.parquet }
            training: { task: extract, virtual_ranks: 4 }
            extract: { output: bank, weights: random, side: 32 }
            workers: { min: 1, max: 2, device: cpu }
            checkpoint: { uri: run }
            """);
        Task.Run(() => ShippedPictures.WriteAsync(folder["pictures.parquet"], RowCount, RowCount / GroupCount)).GetAwaiter().GetResult();
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task ARankThatIsKilledAndAJobThatIsKilledLeaveTheBytesOfACalmExtraction()
    {
        await ExtractAsync("calm", "--workers", "1");

        await using (var train = Start("killed", "--workers", "2"))
        {
            await train.While("the first file", () => Files("killed") is { Count: > 0 } files ? files : null);
            ProcessControl.TrySignal(train.Children[0], ProcessSignal.Kill);
            await train.Line("the loss of the rank", line => line.Contains("KD-W101", StringComparison.Ordinal));
            await train.While("a file more", () => Files("killed") is { Count: > 3 } files ? files : null);
            train.Signal(ProcessSignal.Kill);
            await train.Exit("the death of the job", expected: 128 + (int)ProcessSignal.Kill);
        }

        Assert.InRange(Files("killed").Count, 1, GroupCount);
        var lines = await ExtractAsync("killed", "--workers", "2");
        Assert.Equal(Files("calm"), Files("killed"));
        Assert.Equal(GroupCount, Files("calm").Count);
        Assert.Equal([], Directory.GetFiles(folder["killed"], ".*.partial"));
        Assert.Contains(lines, line => line.StartsWith($"Finished: {RowCount} rows in {GroupCount} files of '{folder["killed"]}'.", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains($"rows {RowCount}  row groups {GroupCount}/{GroupCount}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WorkersThatJoinAreDrainedAndAreKilledLeaveTheBytesOfACalmExtraction()
    {
        // Long enough on one rank for two more to join it.
        const int rowCount = 48, groupCount = 24;
        await ShippedPictures.WriteAsync(folder["more.parquet"], rowCount, rowCount / groupCount);
        string[] more = ["--set", $"data.train={folder["more.parquet"]}"];
        await ExtractAsync("calm", ["--workers", "2", .. more]);

        await using var cluster = await MicroCluster.StartAsync("w1");
        var watch = cluster.Submit([.. Job("moved"), .. more, "--set", "workers.max=3"]);
        await watch.While("the first file", () => Files("moved") is { Count: > 0 } files ? files : null);
        cluster.StartWorker("w2");
        var killed = cluster.StartWorker("w3");
        await cluster.RankOn("w2", "extraction");
        await cluster.RankOn("w3", "extraction");
        await cluster.DrainAsync("w2");
        killed.Signal(ProcessSignal.Kill);

        await watch.Exit("the job's end", expected: 0);
        Assert.Equal(Files("calm"), Files("moved"));
        Assert.Equal(groupCount, Files("calm").Count);
        Assert.Equal([], Directory.GetFiles(folder["moved"], ".*.partial"));
    }

    [Fact]
    public async Task ABankTrainsAndWhatDoesNotFitIsRefusedWithWhatToSet()
    {
        await ExtractAsync("bank", "--workers", "2");
        string[] bank = [$"data.train={folder["bank"]}", $"data.validation={folder["bank"]}", "model.patch_encoder=bank", "training.steps=2"];
        using var run = new MicroRun();

        Assert.Contains("model.patch_feature_size is 32, but the vectors of", await RefusalAsync(run, bank), StringComparison.Ordinal);
        Assert.Contains("model.patch_encoder is 'pixels', but", await RefusalAsync(run, [.. bank, "model.patch_encoder=pixels"]), StringComparison.Ordinal);
        Assert.Contains("Extract a bank from it (training.task: extract)", await RefusalAsync(run, "model.patch_encoder=bank"), StringComparison.Ordinal);

        await using var train = KaleidoProcess.Start(["train", .. run.Job([.. bank, "model.patch_feature_size=2048"]), "--workers", "2"]);
        await train.Exit("training on the bank", expected: 0);
        Assert.Equal(2, run.Newest.Step);
        Assert.Equal(2, run.History.Validations.Count);
    }

    private static async Task<string> RefusalAsync(MicroRun run, params IEnumerable<string> settings)
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync(["train", .. run.Job(settings)]);
        Assert.Equal(2, exitCode);
        return string.Join('\n', errors);
    }

    private async Task<IReadOnlyList<string>> ExtractAsync(string output, params IEnumerable<string> options)
    {
        await using var train = Start(output, options);
        await train.Exit("the extraction", expected: 0);
        return train.Output;
    }

    private KaleidoProcess Start(string output, params IEnumerable<string> options) => KaleidoProcess.Start(["train", .. Job(output), .. options]);

    private IReadOnlyList<string> Job(string output) =>
    [
        folder["extract.yaml"], "--set", $"data.train={folder["pictures.parquet"]}", "--set", $"extract.output={folder[output]}", "--set", $"checkpoint.uri={folder[$"run-{output}"]}",
    ];

    private IReadOnlyList<(string Name, string Hash)> Files(string output) => Directory.Exists(folder[output])
        ? [.. Directory.GetFiles(folder[output], "part-*").Order(StringComparer.Ordinal).Select(path => (Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))))]
        : [];
}
