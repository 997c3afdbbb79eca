using System.Text.Json;

namespace KaleidoDist.Cli.Tests;

public sealed class PlanVerbTests
{
    [Fact]
    public async Task ThePlanOfTheQuickstartSaysWhatItWillDo()
    {
        var run = await CommandRun.Of([.. Config("quickstart")]);
        Assert.Equal(("", 0), (run.Error, run.ExitCode));
        Assert.Contains("training set  2,379 rows in 24 row groups of 4 files, ", run.Output, StringComparison.Ordinal);
        Assert.Contains("validation    247 rows in 2 row groups of 1 file, ", run.Output, StringComparison.Ordinal);
        Assert.Contains("ranks   virtual ranks each   samples each   balance   memory each", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThePlanAsJsonHasSnakeCaseKeys()
    {
        var run = await CommandRun.Of([.. Config("quickstart"), "--json", "--set", "training.steps=12"]);
        var plan = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(
            "name run_directory parameter_count train validation global_batch_size virtual_ranks leaf_size micro_batches_per_leaf steps_per_epoch last_step_samples total_steps epochs total_samples warmup_steps row_groups_per_virtual_rank worlds warnings",
            string.Join(' ', plan.EnumerateObject().Select(p => p.Name)));
        Assert.Equal((12, 2379), (plan.GetProperty("total_steps").GetInt64(), plan.GetProperty("train").GetProperty("rows").GetInt64()));
        Assert.True(plan.GetProperty("worlds")[0].GetProperty("memory_per_rank").GetProperty("total_bytes").GetInt64() > 1 << 28);
    }

    [Fact]
    public async Task TheSmallConfigurationCanBePlanned()
        => Assert.Equal(0, (await CommandRun.Of([.. Config("small")])).ExitCode);

    [Fact]
    public async Task AnExtractionIsPlannedInFilesAndBytes()
    {
        var run = await CommandRun.Of([.. Config("extract").SkipLast(2)]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("in 24 row groups of 4 files", run.Output, StringComparison.Ordinal);
        Assert.Contains("bank      24 files in ", run.Output, StringComparison.Ordinal);
        Assert.Contains("ranks     at most 8 have work at once", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryErrorOfTheDataIsNamed()
    {
        var folder = Directory.CreateTempSubdirectory("plan").FullName;
        File.WriteAllText(Path.Combine(folder, "torn.parquet"), "PAR1 this is no Parquet file");
        var run = await CommandRun.Of([.. Config("base"), "--set", $"data.train={folder}/none/*.parquet", "--set", $"data.validation={folder}/torn.parquet"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal("", run.Output);
        Assert.Equal([$"{folder}/none/", $"{folder}/torn.parquet"], run.Error.TrimEnd('\n').Split('\n').Select(l => l.Contains("none", StringComparison.Ordinal) ? $"{folder}/none/" : $"{folder}/torn.parquet"));
    }

    [Fact]
    public async Task PicturesDoNotFitABankModel()
    {
        var run = await CommandRun.Of([.. Config("quickstart"), "--set", "model.patch_encoder=bank"]);
        Assert.Equal(2, run.ExitCode);
        Assert.EndsWith("holds pictures (kaleido-raw), not patch vectors. Extract a bank from it (training.task: extract) and name that, or set model.patch_encoder: pixels.\n", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Arguments that plan a configuration of the repository from wherever the tests run.</summary>
    private static IEnumerable<string> Config(string name)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "KaleidoDist.sln")))
            root = root.Parent!;
        var data = Path.Combine(root.FullName, "configs/data/openclipart");
        return ["plan", Path.Combine(root.FullName, $"configs/{name}.yaml"), "--set", $"data.train={data}/train/*.parquet", "--set", $"data.validation={data}/valid/*.parquet"];
    }
}
