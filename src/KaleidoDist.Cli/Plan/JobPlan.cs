using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;

namespace KaleidoDist.Cli;

/// <summary>A data set in numbers.</summary>
/// <param name="Files">Parquet files.</param>
/// <param name="RowGroups">Row groups: the shards that are dealt to virtual ranks.</param>
/// <param name="Rows">Samples.</param>
/// <param name="Bytes">Size of the files.</param>
/// <param name="Fingerprint">Identity of the content.</param>
internal sealed record DatasetPlan(int Files, long RowGroups, long Rows, long Bytes, string Fingerprint)
{
    /// <summary>Counts a manifest.</summary>
    internal static DatasetPlan Of(DatasetManifest manifest) => new(
        manifest.Files.Count,
        manifest.Files.Sum(f => f.RowGroups.Sum(r => r.Count)),
        manifest.RowCount,
        manifest.Files.Sum(f => f.Bytes),
        manifest.Fingerprint);
}

/// <summary>Everything that can be told of a job before it runs: a pure function of its specification and its data sets.</summary>
internal sealed record JobPlan
{
    /// <summary>World sizes that are all planned; a job of more virtual ranks is planned for the telling ones.</summary>
    private const int MostWorlds = 64;

    /// <summary>Steps below which a warm-up is short for an encoder that normalises after its sub-layers (post-LN).</summary>
    private const double ShortWarmupSteps = 50;

    /// <summary>Name of the job.</summary>
    public required string Name { get; init; }

    /// <summary>Where checkpoints and metrics go.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Trainable numbers of the model.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>The training set.</summary>
    public required DatasetPlan Train { get; init; }

    /// <summary>The validation set; null for none.</summary>
    public DatasetPlan? Validation { get; init; }

    /// <summary>Samples of a full step, G.</summary>
    public required int GlobalBatchSize { get; init; }

    /// <summary>Slices of the global batch, V.</summary>
    public required int VirtualRanks { get; init; }

    /// <summary>Samples of a virtual rank in a full step, G / V.</summary>
    public required int LeafSize { get; init; }

    /// <summary>Forward and backward passes of a virtual rank in a full step.</summary>
    public required int MicroBatchesPerLeaf { get; init; }

    /// <summary>Steps of an epoch.</summary>
    public required long StepsPerEpoch { get; init; }

    /// <summary>Samples of an epoch's last step.</summary>
    public required long LastStepSamples { get; init; }

    /// <summary>Steps of the job.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Passes over the data that these are.</summary>
    public required double Epochs { get; init; }

    /// <summary>Samples that these steps take.</summary>
    public required long TotalSamples { get; init; }

    /// <summary>Steps in which the learning rate rises.</summary>
    public required long WarmupSteps { get; init; }

    /// <summary>Row groups that a virtual rank reads in an epoch, on average; one more where its slice begins within one.</summary>
    public required double RowGroupsPerVirtualRank { get; init; }

    /// <summary>Every world size from 1 to V; of more than <see cref="MostWorlds"/> those, V's divisors and the job's own bounds.</summary>
    public required IReadOnlyList<WorldPlan> Worlds { get; init; }

    /// <summary>What works but is probably not meant: one sentence each, with what to do.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Plans a job.</summary>
    /// <exception cref="KaleidoException">The sizes of the model do not fit together.</exception>
    internal static JobPlan Of(JobSpec spec, DatasetManifest train, DatasetManifest? validation)
    {
        var shape = PlanShape.Of(spec);
        var training = spec.Training;
        var layout = KaleidoLayout.Of(spec.Model);
        var stepsPerEpoch = shape.StepCount(train.RowCount);
        var totalSteps = training.Steps ?? checked(training.Epochs!.Value * stepsPerEpoch);
        var facts = DatasetPlan.Of(train);
        var plan = new JobPlan
        {
            Name = spec.Name,
            RunDirectory = spec.Checkpoint.Uri,
            ParameterCount = layout.ParameterCount,
            Train = facts,
            Validation = validation is null ? null : DatasetPlan.Of(validation),
            GlobalBatchSize = training.GlobalBatchSize,
            VirtualRanks = training.VirtualRanks,
            LeafSize = training.LeafSize,
            MicroBatchesPerLeaf = (training.LeafSize + training.MicroBatchSize - 1) / training.MicroBatchSize,
            StepsPerEpoch = stepsPerEpoch,
            LastStepSamples = train.RowCount - shape.SamplesBefore(stepsPerEpoch - 1, train.RowCount),
            TotalSteps = totalSteps,
            Epochs = (double)totalSteps / stepsPerEpoch,
            TotalSamples = TrainingPosition.Of(totalSteps, train.RowCount, shape).SampleCount,
            WarmupSteps = (long)Math.Round(training.Schedule.Warmup < 1 ? training.Schedule.Warmup * totalSteps : training.Schedule.Warmup),
            RowGroupsPerVirtualRank = (double)facts.RowGroups / training.VirtualRanks,
            Worlds = [.. WorldSizes(spec).Select(w => WorldPlan.Of(spec, facts, layout.Length, w))],
            Warnings = [],
        };
        return plan with { Warnings = [.. FindWarnings(spec, plan)] };
    }

    private static IEnumerable<int> WorldSizes(JobSpec spec)
        => Enumerable.Range(1, spec.Training.VirtualRanks)
            .Where(w => w <= MostWorlds || spec.Training.VirtualRanks % w == 0 || w == spec.Workers.Min || w == spec.Workers.Max);

    private static IEnumerable<string> FindWarnings(JobSpec spec, JobPlan plan)
    {
        if (plan.Train.RowGroups < plan.VirtualRanks)
            yield return $"The training set has {plan.Train.RowGroups} row groups for {plan.VirtualRanks} virtual ranks: several read the same one. Write it with smaller row groups.";
        if (plan.Train.Rows < plan.GlobalBatchSize)
            yield return $"The training set has {Units.Count(plan.Train.Rows)} rows, fewer than training.global_batch_size {plan.GlobalBatchSize}: every step takes all of them.";
        if (spec.Training.MicroBatchSize > plan.LeafSize)
            yield return $"training.micro_batch_size is {spec.Training.MicroBatchSize}, but a virtual rank has {plan.LeafSize} samples in a step: {plan.LeafSize} are computed at once. Lower training.virtual_ranks or raise training.global_batch_size to compute more.";
        if (spec.Training.Reduction == ReductionMode.Fast)
            yield return "training.reduction is 'fast': the weights depend on the number of ranks, and are not those of an undisturbed run where ranks were lost or joined. Say 'exact' for the same bits on any number of ranks.";
        if (plan.Validation is null)
            yield return "There is no validation set: how much was learned beyond the training set is not measured. Name one as data.validation.";
        if (plan.WarmupSteps is < (long)ShortWarmupSteps)
            yield return $"The learning rate rises in {plan.WarmupSteps} steps; this encoder wants at least {ShortWarmupSteps}. Raise training.schedule.warmup if the loss jumps.";
        if (plan.Worlds.First(w => w.WorldSize == spec.Workers.Max) is { Balance: < 0.75 } uneven)
            yield return $"With workers.max {uneven.WorldSize} ranks compute {Units.Percent(uneven.Balance)} of the time and wait else. A divisor of training.virtual_ranks {plan.VirtualRanks} has no waiting.";
    }
}
