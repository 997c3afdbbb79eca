using System.CommandLine;
using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint export RUN FOLDER</c>: weights for other programs.</summary>
internal static class CheckpointExportVerb
{
    private const string WeightsFile = "model.safetensors";
    private const string ConfigFile = "config.json";

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = CheckpointCommand.RunDescription };
        var folder = new Argument<string>("FOLDER") { Description = "Where to write model.safetensors and config.json; made when missing. Nothing is overwritten." };
        var seq = CheckpointCommand.Seq("Sequence number; the newest unless given.");
        var job = new Option<string?>("--job") { HelpName = "JOB.yaml", Description = "The job's specification: its model sizes go into config.json." };
        var json = CheckpointCommand.Json();
        var command = new Command("export", """
            Writes the weights of a checkpoint as one plain safetensors file under their PyTorch names, with a config.json beside it: position, model
            sizes, and the file's sha256. Everything read is verified. scripts/load_in_pytorch.py loads the file with nothing but PyTorch.

            Examples:
              kaleido checkpoint export runs/quickstart exports/quickstart --job configs/quickstart.yaml
              kaleido checkpoint export runs/quickstart exports/early --seq 3
            """) { run, folder, seq, job, json };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, () =>
        {
            var manifest = CheckpointCommand.Find(new CheckpointReference(parsed.GetRequiredValue(run), parsed.GetValue(seq)));
            var model = parsed.GetValue(job) is { } path ? JobSpecReader.ReadFile(path).OrThrow().Model : null;
            var weights = Export(parsed.GetRequiredValue(run), manifest, Path.GetFullPath(parsed.GetRequiredValue(folder)), model);
            CheckpointCommand.Write(
                parsed,
                json,
                () => ReportJson.Of(new { File = weights.Path, weights.Bytes, weights.Tensors, weights.Sha256, manifest.Seq, manifest.Step }),
                output => output.WriteLine($"{weights.Path}: checkpoint {manifest.Seq}, step {manifest.Step}, {weights.Tensors} tensors, {ByteText.Of(weights.Bytes)}, sha256 {weights.Sha256}"));
            return ExitCode.Done;
        }));
        return command;
    }

    private static ExportedWeights Export(string run, CheckpointManifest manifest, string folder, ModelConfig? model)
    {
        foreach (var taken in new[] { WeightsFile, ConfigFile }.Select(name => Path.Combine(folder, name)).Where(Path.Exists))
            throw KaleidoException.Usage($"'{taken}' exists; nothing is overwritten. Name another folder.");
        Directory.CreateDirectory(folder);
        var weights = WeightsExport.Write(run, manifest, Path.Combine(folder, WeightsFile), new Dictionary<string, string>
        {
            ["kaleido_job"] = manifest.JobId,
            ["step"] = manifest.Step.ToString(CultureInfo.InvariantCulture),
        });
        File.WriteAllText(Path.Combine(folder, ConfigFile), Config(manifest, weights, model) + "\n");
        return weights;
    }

    private static string Config(CheckpointManifest manifest, ExportedWeights weights, ModelConfig? model) => ReportJson.Of(new
    {
        ModelType = "kaleido-bert",
        Model = model,
        Weights = new { File = WeightsFile, weights.Bytes, weights.Tensors, weights.Sha256, Xxh128 = manifest.WeightsXxh128 },
        Checkpoint = new
        {
            manifest.JobId, manifest.Seq, manifest.Step, manifest.Epoch, Samples = manifest.SamplesConsumed, manifest.CreatedUtc, manifest.Data.Seed,
            manifest.Data.DatasetFingerprint, manifest.ConfigHash, manifest.ModelHash, manifest.Software, manifest.Metrics,
        },
    });
}
