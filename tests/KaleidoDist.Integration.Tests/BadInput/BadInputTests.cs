using System.Diagnostics;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>What a user can get wrong: each with its exit code, one clear line, and nothing started or overwritten.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class BadInputTests
{
    private const string Pictures = "configs/data/openclipart/train/part-00.parquet";

    [Fact]
    public async Task AMissingFileIsRefused()
    {
        using var run = new MicroRun();
        await Refused(run, ["data.train=/nowhere/part-*.parquet"], "'/nowhere/part-*.parquet'");
    }

    [Fact]
    public async Task ATruncatedParquetFileIsRefusedWithItsSize()
    {
        using var run = new MicroRun();
        using var folder = new TemporaryFolder();
        var bytes = await File.ReadAllBytesAsync(Repository.PathOf(Pictures));
        await File.WriteAllBytesAsync(folder["cut.parquet"], bytes[..100_000]);
        await Refused(run, [$"data.train={folder["cut.parquet"]}"], "cut.parquet' (100,000 bytes) does not end in a Parquet footer");
    }

    [Fact]
    public async Task SeveralMistakesInASpecificationAreNamedAtOnceWithFileAndLine()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["job.yaml"], """
            name: mistakes
            data: { train: none.parquet }
            training:
              global_batch_size: 17
              steps: 3
              optimizer: { learnig_rate: 1 }
            checkpoint: { uri: run }
            """);
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("train", folder["job.yaml"]);
        Assert.Equal(2, exitCode);
        Assert.Equal(2, errors.Count);
        Assert.Contains(errors, line => line.Contains("job.yaml:4: 'training.global_batch_size' 17 is not divisible by 'training.virtual_ranks' 8", StringComparison.Ordinal));
        Assert.Contains(errors, line => line.Contains("job.yaml:6: unknown key 'training.optimizer.learnig_rate'; did you mean 'learning_rate'?", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MoreWorkersThanVirtualRanksAreRefused()
    {
        using var run = new MicroRun();
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync(["train", .. run.Job(), "--workers", "9"]);
        Assert.Equal((2, 1), (exitCode, errors.Count));
        Assert.Contains("'workers.max' 9 is more than 'training.virtual_ranks' 8", errors[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense", "'nonsense' is not a command of kaleido.")]
    [InlineData("train", "Required argument missing")]
    public async Task AWrongCommandLineIsAUsageError(string command, string expected)
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync(command);
        Assert.Equal(2, exitCode);
        Assert.Contains(expected, errors[0], StringComparison.Ordinal);
        Assert.Contains("--help", errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task AWrongOptionIsAnsweredWithTheHelpOfItsCommand()
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("data", "inspect", "x", "--nonsense");
        Assert.Equal(2, exitCode);
        Assert.Contains("'--nonsense'", errors[0], StringComparison.Ordinal);
        Assert.Equal("Run 'kaleido data inspect --help' for usage.", errors[^1]);
    }

    [Fact]
    public async Task APortInUseIsNamed()
    {
        using var folder = new TemporaryFolder();
        await using var first = KaleidoProcess.Start("coordinator", "--listen", "http://127.0.0.1:0", "--state", folder["first"]);
        var address = (await first.Line("the first coordinator", "listens on ")).Split(' ').Single(word => word.StartsWith("http://", StringComparison.Ordinal)).TrimEnd('/', ',');
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("coordinator", "--listen", address, "--state", folder["second"]);
        Assert.Equal((2, 1), (exitCode, errors.Count));
        Assert.Contains($"Port {new Uri(address).Port} on 127.0.0.1 cannot be listened on", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAddressOthersReachIsRefusedWithoutInsecure()
    {
        using var folder = new TemporaryFolder();
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("coordinator", "--listen", "http://0.0.0.0:0", "--state", folder["state"]);
        Assert.Equal((2, 1), (exitCode, errors.Count));
        Assert.Contains("--insecure", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUnreachableCoordinatorIsNamed()
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync("status", "job", "--coordinator", "http://127.0.0.1:9");
        Assert.Equal((1, 1), (exitCode, errors.Count));
        Assert.Contains("No coordinator answers at http://127.0.0.1:9", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACheckpointOfAnotherModelOrSeedIsNotGoneOnWith()
    {
        using var run = new MicroRun();
        await run.TrainToEnd(exitCode: 75, "--workers", "1", "--stop-after", "2");
        await Refused(run, ["model.hidden_size=64"], "'model.hidden_size' is 64", "was started with 32");
        await Refused(run, ["seed=7"], "'seed' is 7", "was started with 42");

        // Without the coordinator's memory the checkpoint itself tells.
        Directory.Delete(Path.Combine(run.Folder, "coordinator"), recursive: true);
        await using var train = KaleidoProcess.Start(["train", .. run.Job("model.hidden_size=64"), "--workers", "1"]);
        await train.Exit("another model", expected: 1);
        Assert.Contains(train.Errors, line => line.Contains("is a checkpoint of another model", StringComparison.Ordinal));
        Assert.Equal(2, run.Newest.Step);
    }

    [Fact]
    public async Task TwoTrainingsOnOneRunFolderAreRefused()
    {
        using var run = new MicroRun();
        await using var first = run.Train("--workers", "1", "--set", "training.steps=5000");
        await run.Reaches(1, first);
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync(["train", .. run.Job(), "--workers", "1"]);
        Assert.Equal((2, 1), (exitCode, errors.Count));
        Assert.Contains("is in use by another coordinator", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ALibtorchThatCannotLoadFailsTheJobAtOnceAndNamesTheFolder()
    {
        using var run = new MicroRun();
        var without = new ProcessSurroundings { Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["KALEIDO_LIBTORCH"] = "/nonexistent" } };
        await using var train = KaleidoProcess.Start(without, ["train", .. run.Job(), "--workers", "1"]);
        await train.Exit("without libtorch", expected: 1);
        Assert.Contains("found no libtorch_cpu.so in '/nonexistent'", train.Errors[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("restarts", train.Errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheScriptsSayWhereToGetAMissingSdk()
    {
        var info = new ProcessStartInfo("/bin/bash", [Repository.PathOf("scripts", "quickstart.sh")]) { RedirectStandardError = true };
        using var folder = new TemporaryFolder();
        foreach (var tool in new[] { "dirname", "uname", "grep", "cut", "paste" })
            File.CreateSymbolicLink(folder[tool], File.Exists($"/usr/bin/{tool}") ? $"/usr/bin/{tool}" : $"/bin/{tool}");
        info.Environment["PATH"] = folder.Path;
        using var script = Process.Start(info)!;
        var error = await script.StandardError.ReadToEndAsync();
        await script.WaitForExitAsync();
        Assert.Equal(1, script.ExitCode);
        Assert.Contains("the .NET 10 SDK is missing", error, StringComparison.Ordinal);
        Assert.Contains("https://dotnet.microsoft.com/download/dotnet/10.0", error, StringComparison.Ordinal);
    }

    private static async Task Refused(MicroRun run, string[] settings, params string[] expected)
    {
        var (exitCode, output, errors) = await KaleidoProcess.RunAsync(["train", .. run.Job(settings), "--workers", "1"]);
        Assert.Equal((2, 1, 0), (exitCode, errors.Count, output.Count));
        Assert.All(expected, text => Assert.Contains(text, errors[0], StringComparison.Ordinal));
    }
}
