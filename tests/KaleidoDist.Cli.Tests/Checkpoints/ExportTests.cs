using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using Xunit.Abstractions;

namespace KaleidoDist.Cli.Tests;

public sealed class ExportTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>Debian's, which has python3-torch when scripts/setup-peers.sh has run.</summary>
    private const string Python = "/usr/bin/python3";

    private static readonly float[] Values = [0.5f, -1.25f, 3e-8f, 1e9f, -0.1f, 7f];

    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-export-").FullName;

    private string Run => Path.Combine(folder, "run");

    private string Exported => Path.Combine(folder, "exports", "first");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void AnExportIsOnePlainFileWithItsHashAndPosition()
    {
        Save();
        var (exitCode, text, error) = Invoke("checkpoint", "export", Run, Exported, "--json");

        Assert.Equal((0, ""), (exitCode, error));
        var file = Path.Combine(Exported, "model.safetensors");
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
        Assert.Equal(sha256, JsonDocument.Parse(text).RootElement.GetProperty("sha256").GetString());
        var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(Exported, "config.json"))).RootElement;
        Assert.Equal(sha256, config.GetProperty("weights").GetProperty("sha256").GetString());
        Assert.Equal((1, 10), (config.GetProperty("checkpoint").GetProperty("seq").GetInt64(), config.GetProperty("checkpoint").GetProperty("step").GetInt64()));
        Assert.Equal(JsonValueKind.Null, config.GetProperty("model").ValueKind);
        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(file)!);
        Assert.Equal(["empty", "layer.weight"], reader.Header.Entries.Select(e => e.Name).Order(StringComparer.Ordinal));
        Assert.Equal("pt", reader.Header.Metadata["format"]);

        var again = Invoke("checkpoint", "export", Run, Exported);
        Assert.Equal((2, $"'{file}' exists; nothing is overwritten. Name another folder.\n"), (again.ExitCode, again.Error));
    }

    [Fact]
    public void TheModelSizesComeFromTheSpecification()
    {
        Save();
        var job = Path.Combine(folder, "job.yaml");
        File.WriteAllText(job, "name: job\nmodel: { preset: kaleido-tiny, patch_encoder: pixels }\ndata: { train: x }\ntraining: { steps: 1 }\ncheckpoint: { uri: runs/x }\n");

        Assert.Equal(0, Invoke("checkpoint", "export", Run, Exported, "--job", job).ExitCode);

        var model = JsonDocument.Parse(File.ReadAllText(Path.Combine(Exported, "config.json"))).RootElement.GetProperty("model");
        Assert.Equal((ModelConfig.Preset("kaleido-tiny")!.HiddenSize, "pixels"), (model.GetProperty("hidden_size").GetInt32(), model.GetProperty("patch_encoder").GetString()));
    }

    [Fact]
    public void ADamagedCheckpointIsNotExported()
    {
        var model = Save();
        var bytes = File.ReadAllBytes(model);
        bytes[^1] ^= 1;
        File.WriteAllBytes(model, bytes);

        var (exitCode, _, error) = Invoke("checkpoint", "export", Run, Exported);

        Assert.Equal(1, exitCode);
        Assert.StartsWith("KD-S110 Checkpoint 1 of", error);
        Assert.False(File.Exists(Path.Combine(Exported, "model.safetensors")));
    }

    [Fact]
    public void PlainPyTorchReadsWhatWasExported()
    {
        Save();
        Assert.Equal(0, Invoke("checkpoint", "export", Run, Exported).ExitCode);
        if (!HasTorch())
        {
            // Nothing is skipped silently: the header and the bytes are what the script reads, and they are checked above and below.
            output.WriteLine($"{Python} has no torch; scripts/setup-peers.sh installs it. The bytes are compared instead.");
            Assert.Equal(MemoryMarshal.AsBytes<float>(Values).ToArray(), File.ReadAllBytes(Path.Combine(Exported, "model.safetensors"))[^(Values.Length * sizeof(float))..]);
            return;
        }

        var (exitCode, printed) = RunPython(Path.Combine(ScriptsFolder(), "load_in_pytorch.py"), Path.Combine(Exported, "model.safetensors"));

        output.WriteLine(printed);
        Assert.Equal(0, exitCode);
        var sum = Values.Sum(v => (double)v);
        Assert.Equal(["empty float32 [0, 4] 0", "layer.weight float32 [3, 2] "], printed.TrimEnd().Split('\n').Order(StringComparer.Ordinal).Select(l => l.StartsWith("layer", StringComparison.Ordinal) ? l[..(l.LastIndexOf(' ') + 1)] : l));
        Assert.Equal(sum, double.Parse(printed.TrimEnd().Split('\n').Single(l => l.StartsWith("layer", StringComparison.Ordinal)).Split(' ')[^1], CultureInfo.InvariantCulture), precision: 6);
    }

    [Fact]
    public void MoreThanOneFileMayHoldBecomesSeveralWithAnIndexThatPyTorchAndAJobRead()
    {
        Save(alsoHead: true);

        var (exitCode, text, error) = Invoke("checkpoint", "export", Run, Exported, "--max-shard-size", "24B", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(
            ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
            Directory.GetFiles(Exported).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var index = Path.Combine(Exported, "model.safetensors.index.json");
        var stored = JsonDocument.Parse(File.ReadAllText(index)).RootElement;
        Assert.Equal(32, stored.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(
            ["empty in model-00001-of-00002.safetensors", "head.bias in model-00001-of-00002.safetensors", "layer.weight in model-00002-of-00002.safetensors"],
            stored.GetProperty("weight_map").EnumerateObject().Select(t => $"{t.Name} in {t.Value.GetString()}"));
        var report = JsonDocument.Parse(text).RootElement;
        Assert.Equal((index, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(index)))), (report.GetProperty("file").GetString(), report.GetProperty("sha256").GetString()));
        var shards = JsonDocument.Parse(File.ReadAllText(Path.Combine(Exported, "config.json"))).RootElement.GetProperty("weights").GetProperty("shards");
        Assert.All(shards.EnumerateArray(), s => Assert.Equal(s.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Exported, s.GetProperty("file").GetString()!))))));
        Assert.Equal(2, Invoke("checkpoint", "export", Run, Exported).ExitCode); // the shards are not overwritten either
        Assert.Equal(Values, ReadBack("layer.weight", [3, 2]));

        if (!HasTorch())
        {
            output.WriteLine($"{Python} has no torch; scripts/setup-peers.sh installs it. What a job reads was compared instead.");
            return;
        }

        var whole = Path.Combine(folder, "exports", "whole");
        Assert.Equal(0, Invoke("checkpoint", "export", Run, whole).ExitCode);
        var (code, printed) = RunPython(Path.Combine(ScriptsFolder(), "load_in_pytorch.py"), index);
        Assert.Equal((0, Sorted(RunPython(Path.Combine(ScriptsFolder(), "load_in_pytorch.py"), Path.Combine(whole, "model.safetensors")).Output)), (code, Sorted(printed)));

        static string Sorted(string lines) => string.Join('\n', lines.TrimEnd().Split('\n').Order(StringComparer.Ordinal));
    }

    /// <summary>One tensor as <c>model.init</c> takes it from the exported folder.</summary>
    private float[] ReadBack(string name, long[] shape)
    {
        var bytes = (int)shape.Aggregate(1L, (product, size) => product * size) * sizeof(float);
        var memory = Marshal.AllocHGlobal(bytes);
        try
        {
            new WeightsImport(Exported).Load([new TensorDestination(name, TensorType.F32, shape, memory, bytes)]);
            var values = new float[bytes / sizeof(float)];
            Marshal.Copy(memory, values, 0, values.Length);
            return values;
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static bool HasTorch()
    {
        try
        {
            return RunPython("-c", "import torch").ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static (int ExitCode, string Output) RunPython(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var printed = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, printed + (process.ExitCode == 0 ? "" : errors.Result));
    }

    private static string ScriptsFolder()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "KaleidoDist.sln")))
            directory = Path.GetDirectoryName(directory)!;
        return Path.Combine(directory, "scripts");
    }

    /// <summary>Saves one checkpoint; returns the path of its weights.</summary>
    private string Save(bool alsoHead = false)
    {
        var memory = Marshal.AllocHGlobal(Values.Length * sizeof(float));
        try
        {
            Marshal.Copy(Values, 0, memory, Values.Length);
            TensorSource[] tensors =
            [
                new("layer.weight", TensorType.F32, [3, 2], memory, Values.Length * sizeof(float)),
                new("empty", TensorType.F32, [0, 4], memory, 0),
                .. alsoHead ? new[] { new TensorSource("head.bias", TensorType.F32, [2], memory, 2 * sizeof(float)) } : [],
            ];
            var shard = new CheckpointShardWriter(Run).Write(new CheckpointSnapshot
            {
                JobId = "j", Generation = 1, Step = 10, Weights = tensors, FirstMoments = tensors, SecondMoments = tensors, State = new TrainingState(10),
            });
            var job = new CheckpointJob
            {
                JobId = "j", VirtualRanks = 8, GlobalBatch = 16, ThreadsPerRank = 1, DatasetFingerprint = "d", Order = "o", Seed = 1, ConfigHash = "c",
                Software = new Dictionary<string, string>(),
            };
            Assert.IsType<CommitResult.Committed>(new CheckpointCatalog(Run, TimeProvider.System).Commit(
                new CheckpointProposalData
                {
                    Generation = 1, Attempt = shard.Attempt, Directory = shard.Directory, Step = 10, Epoch = 0, StepInEpoch = 10, Samples = 160,
                    Kind = CheckpointKind.Periodic, Files = shard.Files, WeightsXxh128 = shard.WeightsXxh128,
                },
                new CheckpointLineage(job, 1, 1, "coordinator", CheckpointHead.Empty)));
            return Path.Combine(Run, "data", shard.Directory, shard.Files[0].Name);
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static (int ExitCode, string Output, string Error) Invoke(params string[] arguments)
    {
        var (printed, errors) = (new StringWriter(), new StringWriter());
        var exitCode = new RootCommand { CheckpointCommand.Create() }.Parse(arguments).Invoke(new InvocationConfiguration { Output = printed, Error = errors });
        return (exitCode, printed.ToString(), errors.ToString());
    }
}
