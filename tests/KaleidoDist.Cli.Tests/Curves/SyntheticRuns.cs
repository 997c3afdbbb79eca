using KaleidoDist.Contracts;

namespace KaleidoDist.Cli.Tests;

/// <summary>Runs that never happened, with curves of a known course.</summary>
internal static class SyntheticRuns
{
    /// <summary>A run whose mlm and jigsaw learn while rotation, itm and camouflage stay at chance.</summary>
    internal static RunHistory Learning(int steps = 300)
    {
        var random = new KeyedRandom(1, RandomPurpose.Import);
        var records = new List<StepRecord>();
        for (var step = 1; step <= steps; step++)
        {
            var share = (double)step / steps;
            double Noise(double scale) => (random.NextDouble() - 0.5) * scale;
            records.Add(new StepRecord
            {
                Step = step,
                Epoch = share,
                Samples = step * 32L,
                Generation = 1,
                WorldSize = 2,
                TotalLoss = 18 - 8 * share + Noise(1),
                Tasks = new Dictionary<string, TaskRecord>
                {
                    ["mlm"] = new() { Loss = 10.3 - 6 * share + Noise(0.4), Accuracy = 0.35 * share },
                    ["itm"] = new() { Loss = 0.69 + Noise(0.1), Accuracy = 0.5 + Noise(0.2) },
                    ["rotation"] = new() { Loss = 1.39 + Noise(0.1), Accuracy = 0.25 + Noise(0.2) },
                    ["jigsaw"] = new() { Loss = 3.2 - 2 * share + Noise(0.2), Accuracy = 0.042 + 0.65 * share },
                    ["camouflage"] = new() { Loss = 2.2 + Noise(0.1), Accuracy = 0.11 + Noise(0.1) },
                    ["grey"] = new() { Loss = 0.187 - 0.03 * share + Noise(0.01) },
                    ["blank"] = new() { Loss = 0.19 + Noise(0.01) },
                },
                LearningRate = 5e-4 * Math.Min(share / 0.1, (1 - share) / 0.9),
                GradientNorm = 2 - share + Noise(0.5),
                StepSeconds = 0.9 + Noise(0.1),
            });
        }

        return new RunHistory(records, [Validation(0, 10.3, 0, 0.05, 0.25), Validation(steps / 2, 7, 0.2, 0.3, 0.26), Validation(steps, 4.4, 0.34, 0.69, 0.262)], 0);
    }

    private static ValidationRecord Validation(long step, double mlmLoss, double mlmAccuracy, double jigsaw, double rotation) => new(
        step,
        new Dictionary<string, TaskRecord>
        {
            ["mlm"] = new() { Loss = mlmLoss, Accuracy = mlmAccuracy, Perplexity = Math.Exp(mlmLoss), Count = 1500 },
            ["itm"] = new() { Loss = 0.693, Accuracy = 0.51, Count = 300 },
            ["rotation"] = new() { Loss = 1.386, Accuracy = rotation, Count = 300 },
            ["jigsaw"] = new() { Loss = 3.2 - 3 * jigsaw, Accuracy = jigsaw, Count = 300 },
            ["camouflage"] = new() { Loss = 2.197, Accuracy = 0.12, Count = 300 },
            ["grey"] = new() { Loss = 0.187 - 0.0001 * step },
            ["blank"] = new() { Loss = 0.19 },
        });
}
