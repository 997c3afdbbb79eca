using System.Diagnostics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>How much of a training step waits for data.</summary>
/// <param name="Steps">Steps that were counted.</param>
/// <param name="StepSeconds">Their time.</param>
/// <param name="WaitSeconds">Of it, waiting for data, on the rank that waited longest.</param>
internal sealed record DataWait(int Steps, double StepSeconds, double WaitSeconds)
{
    /// <summary>The share that the data path is built to stay below.</summary>
    internal const double Goal = 0.02;

    // The first steps wait for the first row groups, and for code to be compiled.
    private const int SkippedSteps = 5;

    /// <summary>The share, 0..1.</summary>
    internal double Share => StepSeconds > 0 ? WaitSeconds / StepSeconds : 0;

    /// <summary>Trains kaleido-tiny for some steps beyond the first and reads what its journal says.</summary>
    /// <exception cref="KaleidoException">The training failed.</exception>
    internal static async Task<DataWait> MeasureAsync(string data, int steps, CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("kaleido-bench-data-").FullName;
        try
        {
            var spec = Path.Combine(folder, "job.yaml");
            var run = Path.Combine(folder, "run");
            await File.WriteAllTextAsync(spec, Spec(data, run, steps + SkippedSteps), cancellation);
            var start = new BenchSetting().LaunchSelf(0, "train", spec, "--json");
            (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync(cancellation);
            await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0)
                throw new KaleidoException($"The training that measures the wait for data ended with {process.ExitCode}: {await error} Expected 0; leave it away with --train-steps 0.");
            var counted = RunHistory.Read(run).Steps.Skip(SkippedSteps).ToList();
            return new DataWait(counted.Count, counted.Sum(step => step.StepSeconds), counted.Sum(step => step.DataWaitSeconds));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Spec(string data, string run, int steps) => $"""
        name: bench-data
        seed: 42
        model: {"{"} preset: kaleido-tiny {"}"}
        data:
          train: '{data.Replace("'", "''", StringComparison.Ordinal)}'
        training:
          task: pretrain
          global_batch_size: 32
          virtual_ranks: 8
          micro_batch_size: 4
          steps: {steps}
        workers: {"{"} min: 1, max: 2, threads_per_rank: 1, device: cpu {"}"}
        checkpoint: {"{"} uri: '{run}', every: 1h {"}"}
        """;
}
