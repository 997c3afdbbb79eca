using System.CommandLine;
using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint export RUN FOLDER</c>: weights for other programs.</summary>
internal static class CheckpointExportVerb
{
    private const string ConfigFile = "config.json";
    private const string WeightFiles = "*.safetensors*";

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = CheckpointCommand.RunDescription };
        var folder = new Argument<string>("FOLDER") { Description = "Where to write the weights and config.json; made when missing. Nothing is overwritten." };
        var seq = CheckpointCommand.Seq("Sequence number; the newest unless given.");
        var job = new Option<string?>("--job") { HelpName = "JOB.yaml", Description = "The job's specification: its model sizes go into config.json." };
        var maxShard = new Option<string>("--max-shard-size") { HelpName = "SIZE", Description = "Most a file holds, as in 5GB or 500MB.", DefaultValueFactory = _ => "5GB" };
        var json = CheckpointCommand.Json();
        var command = new Command("export", """
            Writes the weights of a checkpoint as a plain safetensors file under their PyTorch names, with a config.json beside it: position, model sizes, and
            the file's sha256. More than --max-shard-size becomes several files and model.safetensors.index.json, as Hugging Face's libraries have it.
            Everything read is verified. scripts/load_in_pytorch.py loads file or index with nothing but PyTorch.

            Examples:
              kaleido checkpoint export runs/quickstart exports/quickstart --job configs/quickstart.yaml
              kaleido checkpoint export runs/quickstart exports/early --seq 3
              kaleido checkpoint export runs/base exports/base --max-shard-size 1GB
            """) { run, folder, seq, job, maxShard, json };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, () =>
        {
            var maxShardBytes = ByteSize.Parse(parsed.GetRequiredValue(maxShard));
            var manifest = CheckpointCommand.Find(new CheckpointReference(parsed.GetRequiredValue(run), parsed.GetValue(seq)));
            var model = parsed.GetValue(job) is { } path ? JobSpecReader.ReadFile(path).OrThrow().Model : null;
            var weights = Export(parsed.GetRequiredValue(run), manifest, Path.GetFullPath(parsed.GetRequiredValue(folder)), model, maxShardBytes);
            CheckpointCommand.Write(
                parsed,
                json,
                () => ReportJson.Of(new { File = weights.Entry.Path, weights.Bytes, weights.Entry.Tensors, weights.Entry.Sha256, weights.Shards, manifest.Seq, manifest.Step }),
                output => WriteTo(output, manifest, weights));
            return ExitCode.Done;
        }));
        return command;
    }

    private static ExportedWeights Export(string run, CheckpointManifest manifest, string folder, ModelConfig? model, long maxShardBytes)
    {
        Directory.CreateDirectory(folder);
        foreach (var taken in Directory.EnumerateFiles(folder, WeightFiles).Order(StringComparer.Ordinal).Append(Path.Combine(folder, ConfigFile)).Where(Path.Exists))
            throw KaleidoException.Usage($"'{taken}' exists; nothing is overwritten. Name another folder.");
        var metadata = new Dictionary<string, string>
        {
            ["kaleido_job"] = manifest.JobId,
            ["step"] = manifest.Step.ToString(CultureInfo.InvariantCulture),
        };
        var weights = WeightsExport.Write(run, manifest, folder, metadata, maxShardBytes);
        File.WriteAllText(Path.Combine(folder, ConfigFile), Config(manifest, weights, model) + "\n");
        return weights;
    }

    private static string Config(CheckpointManifest manifest, ExportedWeights weights, ModelConfig? model) => ReportJson.Of(new
    {
        ModelType = "kaleido-bert",
        Model = model,
        Weights = new
        {
            File = Path.GetFileName(weights.Entry.Path), weights.Bytes, weights.Entry.Tensors, weights.Entry.Sha256, Xxh128 = manifest.WeightsXxh128,
            Shards = weights.Shards.Select(f => new { File = Path.GetFileName(f.Path), f.Bytes, f.Tensors, f.Sha256 }),
        },
        Checkpoint = new
        {
            manifest.JobId, manifest.Seq, manifest.Step, manifest.Epoch, Samples = manifest.SamplesConsumed, manifest.CreatedUtc, manifest.Data.Seed,
            manifest.Data.DatasetFingerprint, manifest.ConfigHash, manifest.ModelHash, manifest.Software, manifest.Metrics,
        },
    });

    private static void WriteTo(TextWriter output, CheckpointManifest manifest, ExportedWeights weights)
    {
        var files = weights.Shards.Count > 0 ? $" in {weights.Shards.Count} files" : "";
        output.WriteLine($"{weights.Entry.Path}: checkpoint {manifest.Seq}, step {manifest.Step}, {weights.Entry.Tensors} tensors, {ByteText.Of(weights.Bytes)}{files}, sha256 {weights.Entry.Sha256}");
    }
}
