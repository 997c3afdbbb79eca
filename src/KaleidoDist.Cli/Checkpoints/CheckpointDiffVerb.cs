using System.CommandLine;
using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint diff A B</c>: what differs between two checkpoints.</summary>
internal static class CheckpointDiffVerb
{
    private const int ShownTensorCount = 20;

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var first = new Argument<string>("A") { Description = "A checkpoint: RUN@SEQ, or RUN for its newest." };
        var second = new Argument<string>("B") { Description = "Another one, of the same run or of another." };
        var json = CheckpointCommand.Json();
        var command = new Command("diff", """
            Compares two checkpoints: where training stood, and every tensor of the weights. Exits with 0 when the weights are equal, bit for bit, else with 1.

            Examples:
              kaleido checkpoint diff runs/quickstart@3 runs/quickstart@4
              kaleido checkpoint diff runs/one runs/another --json
            """) { first, second, json };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, () =>
        {
            var (a, b) = (Checkpoint(parsed.GetRequiredValue(first)), Checkpoint(parsed.GetRequiredValue(second)));
            var comparison = CheckpointComparison.Of(a, b);
            CheckpointCommand.Write(parsed, json, () => ToJson(comparison), output => WriteTo(output, comparison));
            return comparison.WeightsAreEqual ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static (string Run, CheckpointManifest Manifest) Checkpoint(string text)
    {
        var reference = CheckpointReference.Parse(text);
        return (reference.Run, CheckpointCommand.Find(reference));
    }

    private static string ToJson(CheckpointComparison comparison) => ReportJson.Of(new
    {
        comparison.WeightsAreEqual,
        EqualTensors = comparison.EqualTensorCount,
        comparison.Values,
        Tensors = comparison.Tensors.Select(t => new { t.Name, t.Form, Kind = Word(t.Kind), t.LargestChange, t.RelativeChange }),
    });

    private static void WriteTo(TextWriter output, CheckpointComparison comparison)
    {
        foreach (var value in comparison.Values)
            output.WriteLine($"{value.Name}: {value.First} -> {value.Second}");
        output.WriteLine($"weights: {comparison.EqualTensorCount} tensors are equal, {comparison.Tensors.Count} differ");
        foreach (var tensor in comparison.Tensors.OrderByDescending(t => t.RelativeChange ?? double.PositiveInfinity).Take(ShownTensorCount))
            output.WriteLine($"  {tensor.Name} {tensor.Form}: {Describe(tensor)}");
        if (comparison.Tensors.Count > ShownTensorCount)
            output.WriteLine($"  and {comparison.Tensors.Count - ShownTensorCount} that changed less; --json shows all");
    }

    private static string Describe(TensorDifference tensor) => tensor is { LargestChange: { } largest, RelativeChange: { } relative }
        ? string.Create(CultureInfo.InvariantCulture, $"changed by {relative:P3} (largest difference {largest:G3})")
        : Word(tensor.Kind);

    private static string Word(TensorDifferenceKind kind) => kind.ToString().ToLowerInvariant();
}
