using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli.Tests;

public sealed class CheckpointCommandTests : IDisposable
{
    private readonly string run = Directory.CreateTempSubdirectory("kaleido-checkpoint-command-").FullName;
    private readonly nint memory = Marshal.AllocHGlobal(8);

    public CheckpointCommandTests() => Marshal.Copy(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }, 0, memory, 8);

    public void Dispose()
    {
        Marshal.FreeHGlobal(memory);
        Directory.Delete(run, recursive: true);
    }

    [Fact]
    public void ShowPrintsTheNewestWithTheHashOfItsWeightsAsJson()
    {
        Save(10, 20);
        var (exitCode, output, _) = Invoke("show", run, "--json");

        Assert.Equal(0, exitCode);
        var shown = JsonDocument.Parse(output).RootElement;
        Assert.Equal(
            (2, 20, 1, 320, 3, WeightsHash.Compute(Tensors())),
            (Number("seq"), Number("step"), Number("epoch"), Number("samples"), Number("world_size"), shown.GetProperty("weights_xxh128").GetString()));
        Assert.Equal("NaN", shown.GetProperty("metrics").GetProperty("loss").GetString());
        var model = shown.GetProperty("files")[0];
        Assert.Equal(("model-00001-of-00001.safetensors", 4104, 1), (model.GetProperty("name").GetString(), model.GetProperty("bytes").GetInt64(), model.GetProperty("tensors").GetInt32()));
        Assert.Equal(32, model.GetProperty("xxh128").GetString()!.Length);

        long Number(string name) => shown.GetProperty(name).GetInt64();
    }

    [Fact]
    public void ShowPrintsTheOneAskedForAsText()
    {
        Save(10, 20);
        var (exitCode, output, _) = Invoke("show", run, "--seq", "1");
        Assert.Equal(0, exitCode);
        Assert.StartsWith("checkpoint:     1 (periodic), 2026-03-04 05:06:07 UTC\nstep:           10\nnext:           step 2 of epoch 1\n", output);
        Assert.Contains($"weights xxh128: {WeightsHash.Compute(Tensors())}\n", output);
    }

    [Fact]
    public void ListNamesEveryCheckpointAndThoseThatCannotBeRead()
    {
        Save(10, 20, 30);
        File.WriteAllText(Path.Combine(run, "log", "000000000002.json"), "{");
        var lines = Invoke("list", run).Output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.StartsWith("     1        10      1         160      3  periodic", lines[1]);
        Assert.StartsWith("     2  its manifest is damaged", lines[2]);

        var listed = JsonDocument.Parse(Invoke("list", run, "--json").Output).RootElement;
        Assert.Equal([1, 3], listed.GetProperty("checkpoints").EnumerateArray().Select(c => c.GetProperty("seq").GetInt32()));
        Assert.Equal([2], listed.GetProperty("damaged").EnumerateArray().Select(c => c.GetProperty("seq").GetInt32()));
    }

    [Fact]
    public void VerifyExitsWithOneAndNamesWhatIsDamaged()
    {
        Save(10, 20);
        Assert.Equal((0, ""), (Invoke("verify", run).ExitCode, Invoke("verify", run).Error));
        File.Delete(Path.Combine(run, "data", "g0000000001-s00000020-a1", "optim-00001-of-00001.safetensors"));

        var (exitCode, output, error) = Invoke("verify", run);

        Assert.Equal(1, exitCode);
        Assert.Contains("checkpoint 1: valid, 3 files, ", output);
        Assert.Contains("checkpoint 2: damaged\n  KD-S111 optim-00001-of-00001.safetensors: it is missing\n", output);
        Assert.Equal($"1 of 2 checkpoints of '{run}' damaged: 2. A resume uses the newest valid one.\n", error);
        Assert.Equal(0, Invoke("verify", run, "--seq", "1").ExitCode);
        Assert.Equal(1, Invoke("verify", run, "--seq", "2").ExitCode);
        Assert.False(JsonDocument.Parse(Invoke("verify", run, "--json").Output).RootElement.GetProperty("valid").GetBoolean());
    }

    [Theory]
    [InlineData("list")]
    [InlineData("show")]
    [InlineData("verify")]
    public void AFolderWithoutCheckpointsIsOneClearLine(string verb)
    {
        var (exitCode, output, error) = Invoke(verb, Path.Combine(run, "nothing"));
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Equal(
            $"No checkpoints in '{run}/nothing': expected manifests in its folder 'log'. Name the run folder (checkpoint.uri) of a job that has saved one.\n",
            error);
    }

    [Theory]
    [InlineData("show")]
    [InlineData("verify")]
    public void ANumberThatDoesNotExistIsOneClearLine(string verb)
    {
        Save(10);
        var (exitCode, _, error) = Invoke(verb, run, "--seq", "9");
        Assert.Equal(1, exitCode);
        Assert.StartsWith($"Checkpoint 9 of '{run}' cannot be read: there is none of this number.", error);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("show")]
    [InlineData("verify")]
    [InlineData("diff")]
    [InlineData("export")]
    [InlineData("pin")]
    [InlineData("unpin")]
    [InlineData("prune")]
    public void HelpHasExamples(string verb) => Assert.Contains($"kaleido checkpoint {verb} runs/quickstart", Invoke(verb, "--help").Output);

    [Fact]
    public void DiffNamesWhatDiffersAndExitsWithOneWhenWeightsDo()
    {
        Save(10, 20);
        Assert.Equal(0, Invoke("diff", $"{run}@1", run).ExitCode);

        Marshal.Copy(new byte[8], 0, memory, 8);
        SaveAfter(2, 30);
        var (exitCode, output, _) = Invoke("diff", $"{run}@2", $"{run}@3");

        Assert.Equal(1, exitCode);
        Assert.Contains("step: 20 -> 30\n", output);
        Assert.Contains("weights: 0 tensors are equal, 1 differ\n  w F32[2]: changed by 100.000", output);
        var tensor = JsonDocument.Parse(Invoke("diff", $"{run}@2", $"{run}@3", "--json").Output).RootElement.GetProperty("tensors")[0];
        Assert.Equal(("w", "changed", 1.0), (tensor.GetProperty("name").GetString(), tensor.GetProperty("kind").GetString(), tensor.GetProperty("relative_change").GetDouble()));
        Assert.Equal(1, Invoke("diff", $"{run}@9", run).ExitCode);
    }

    [Fact]
    public void APinnedCheckpointIsListedSoAndIsNotPruned()
    {
        Save(10, 20, 30, 40);

        Assert.Equal((0, "checkpoint 1 is pinned\n"), (Invoke("pin", run, "1").ExitCode, "checkpoint 1 is pinned\n"));
        Assert.Equal("checkpoint 1 was pinned already\n", Invoke("pin", run, "1").Output);
        Assert.EndsWith("  pinned", Invoke("list", run).Output.Split('\n')[1]);
        Assert.Equal(
            "would remove checkpoint 2: step 20, 12.3 kB\nwould keep checkpoint 4: newest 2, newest of its 6h, the run stands on it\n"
            + "would keep checkpoint 3: newest 2, fallback of the one the run stands on\nwould keep checkpoint 1: pinned\n1 checkpoint to remove, 12.3 kB\n",
            Invoke("prune", run, "--dry-run", "--last", "2").Output.Replace(ByteText.Of(new CheckpointCatalog(run, TimeProvider.System).Read(2).Bytes), "12.3 kB"));
        Assert.Equal((0, "removed: 1 checkpoint, 1 data folder\n", ""), Invoke("prune", run, "--last", "2"));
        Assert.Equal("checkpoint 1 is not pinned any more\n", Invoke("unpin", run, "1").Output);
        Assert.Equal([1], JsonDocument.Parse(Invoke("prune", run, "--dry-run", "--last", "2", "--json").Output).RootElement.GetProperty("remove").EnumerateArray().Select(r => r.GetProperty("seq").GetInt32()));
        Assert.Equal(1, Invoke("pin", run, "9").ExitCode);
    }

    [Fact]
    public void FsckSaysThatAllIsWellOrWhatIsWrong()
    {
        Save(10, 20);
        var (exitCode, output, error) = Fsck(run);
        Assert.Equal((0, "2 of 2 checkpoints are valid, 0 steps in the journal: all is well\n", ""), (exitCode, output, error));

        File.AppendAllText(Path.Combine(run, "data", "g0000000001-s00000020-a1", "state-00001-of-00001.json"), " ");
        (exitCode, output, error) = Fsck(run);

        Assert.Equal(1, exitCode);
        Assert.StartsWith("I4 Checkpoint 2 is damaged (KD-S111 state-00001-of-00001.json: ", output);
        Assert.Equal($"2 things are wrong with '{run}': I4, I11. A resume uses the newest valid checkpoint.\n", error);
        Assert.False(JsonDocument.Parse(Fsck(run, "--json").Output).RootElement.GetProperty("sound").GetBoolean());
        Assert.Equal(1, Fsck("/nowhere").ExitCode);
    }

    private IReadOnlyList<TensorSource> Tensors() => [new TensorSource("w", TensorType.F32, [2], memory, 8)];

    private void Save(params long[] steps) => SaveAfter(0, steps);

    private void SaveAfter(long from, params long[] steps)
    {
        var job = new CheckpointJob
        {
            JobId = "j", VirtualRanks = 8, GlobalBatch = 16, ThreadsPerRank = 1, DatasetFingerprint = "d", Order = "o", Seed = 1, ConfigHash = "c",
            Software = new Dictionary<string, string>(),
        };
        var catalog = new CheckpointCatalog(run, new FixedTime());
        var lineage = new CheckpointLineage(job, 1, 3, "coordinator", from == 0 ? CheckpointHead.Empty : CheckpointHead.After(catalog.Read(from)));
        foreach (var step in steps)
        {
            var shard = new CheckpointShardWriter(run).Write(new CheckpointSnapshot
            {
                JobId = "j", Generation = 1, Step = step, Weights = Tensors(), FirstMoments = Tensors(), SecondMoments = Tensors(), State = new TrainingState(step),
            });
            var committed = Assert.IsType<CommitResult.Committed>(catalog.Commit(
                new CheckpointProposalData
                {
                    Generation = 1, Attempt = shard.Attempt, Directory = shard.Directory, Step = step, Epoch = 1, StepInEpoch = step - 8, Samples = step * 16,
                    Kind = CheckpointKind.Periodic, Files = shard.Files, WeightsXxh128 = shard.WeightsXxh128,
                    Metrics = new Dictionary<string, double> { ["loss"] = double.NaN },
                },
                lineage));
            lineage = lineage.After(committed.Manifest);
        }
    }

    private static (int ExitCode, string Output, string Error) Invoke(params string[] arguments) => InvokeVerb(["checkpoint", .. arguments]);

    private static (int ExitCode, string Output, string Error) Fsck(params string[] arguments) => InvokeVerb(["fsck", .. arguments]);

    private static (int ExitCode, string Output, string Error) InvokeVerb(string[] arguments)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var exitCode = new RootCommand { CheckpointCommand.Create(), FsckVerb.Create() }.Parse(arguments)
            .Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (exitCode, output.ToString(), error.ToString());
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    }
}
