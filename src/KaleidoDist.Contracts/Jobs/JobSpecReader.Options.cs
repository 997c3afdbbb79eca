using System.Globalization;

namespace KaleidoDist.Contracts;

/// <summary>What is trained, by which rule, and when it has been enough.</summary>
public static partial class JobSpecReader
{
    private static readonly string[] OptimizerNames = ["adamw", "adam", "lamb"];
    private static readonly string[] LayoutNames = ["kaleido", "grid8"];
    private static readonly string[] ScheduleNames = ["linear", "constant", "polynomial"];

    /// <summary>Tasks that the patches allow are on unless switched off; others are off, and cannot be switched on.</summary>
    private static TaskWeights BindTasks(SpecSection section, PatchLayout patches)
    {
        var before = section.ErrorCount;
        var weights = TaskWeights.Of(task => section.Number(PretrainTasks.Names[(int)task], patches.Has(task) ? 1 : 0, 0, TaskWeights.Largest));
        foreach (var task in weights.Tasks.Where(task => !patches.Has(task)))
            section.Error(PretrainTasks.Names[(int)task], $"'training.tasks.{PretrainTasks.Names[(int)task]}' is on, but 'model.patch_layout' {LayoutNames[(int)patches.Kind]} has no patches for it; remove it");
        section.Finish();
        if (section.ErrorCount == before && !weights.Tasks.Any())
            section.Error("", "all of 'training.tasks' are 0; expected at least one task to train");
        return weights;
    }

    /// <summary>Settings about a task that is off would be silently without effect.</summary>
    private static void CheckTaskSettings(SpecSection section, TrainingSpec training)
    {
        if (!training.Tasks.IsOn(PretrainTask.Itm) && section.Has("mismatch_share"))
            section.Error("mismatch_share", "'training.mismatch_share' has no effect, since 'training.tasks.itm' is 0: every picture keeps its own text; remove one of them");
        if (training.MaskMlmOnNegative && !(training.Tasks.IsOn(PretrainTask.Mlm) && training.Tasks.IsOn(PretrainTask.Itm)))
            section.Error("mask_mlm_on_negative", "'training.mask_mlm_on_negative' needs both tasks, but 'training.tasks.mlm' or 'training.tasks.itm' is 0; remove it");
    }

    private static OptimizerSpec BindOptimizer(SpecSection section)
    {
        var defaults = new OptimizerSpec();
        var (beta1, beta2) = section.Pair("betas", defaults.Beta1, defaults.Beta2, 0, 0.999999);
        var optimizer = new OptimizerSpec
        {
            Name = section.Choice("name", defaults.Name, OptimizerNames),
            LearningRate = section.Number("learning_rate", defaults.LearningRate, 0, 100),
            Beta1 = beta1,
            Beta2 = beta2,
            Epsilon = section.Number("epsilon", defaults.Epsilon, 1e-12, 1),
            WeightDecay = section.Number("weight_decay", defaults.WeightDecay, 0, 10),
            ClipNorm = section.Number("clip_norm", defaults.ClipNorm, 0, 1e9),
        };
        section.Finish();
        return optimizer;
    }

    private static ScheduleSpec BindSchedule(SpecSection section, OptimizerSpec optimizer)
    {
        var defaults = new ScheduleSpec();
        var name = section.Choice("name", defaults.Name, ScheduleNames);
        var schedule = new ScheduleSpec
        {
            Name = name,
            Warmup = section.Number("warmup", defaults.Warmup, 0, 1e9),
            Power = section.Number("power", defaults.Power, 0.01, 100),
            EndLearningRate = section.Number("end_learning_rate", defaults.EndLearningRate, 0, 100),
        };
        foreach (var key in new[] { "power", "end_learning_rate" })
        {
            if (name != "polynomial" && section.Has(key))
                section.Error(key, $"'training.schedule.{key}' belongs to the schedule polynomial, and 'training.schedule.name' is {name}; remove it or take polynomial");
        }

        if (schedule.EndLearningRate > optimizer.LearningRate)
            section.Error("end_learning_rate", string.Create(CultureInfo.InvariantCulture, $"'training.schedule.end_learning_rate' {schedule.EndLearningRate} is more than 'training.optimizer.learning_rate' {optimizer.LearningRate}; expected at most that"));
        section.Finish();
        return schedule;
    }

    private static EvaluationSpec BindEvaluation(SpecSection section, DataSpec data, TaskWeights tasks)
    {
        var evaluation = new EvaluationSpec
        {
            Every = (int)section.Integer("every", 0, 0, int.MaxValue),
            Samples = (int)section.Integer("samples", 0, 0, int.MaxValue),
            EarlyStop = section.Has("early_stop") ? BindEarlyStop(section.Section("early_stop"), data, tasks) : null,
        };
        if (evaluation is { EarlyStop: not null, Every: 0 })
            section.Error("early_stop", "'evaluation.early_stop' compares evaluations while training, but 'evaluation.every' is 0: there is only one at the end; set 'evaluation.every'");
        section.Finish();
        return evaluation;
    }

    private static EarlyStopSpec BindEarlyStop(SpecSection section, DataSpec data, TaskWeights tasks)
    {
        var stop = new EarlyStopSpec(
            BindMetric(section, "evaluation.early_stop", data, tasks), (int)section.Integer("patience", 5, 1, 1_000_000), section.Number("min_delta", 0, 0));
        section.Finish();
        return stop;
    }

    private static KeepBestSpec BindKeepBest(SpecSection section, DataSpec data, TaskWeights tasks)
    {
        var best = new KeepBestSpec(BindMetric(section, "checkpoint.keep.best", data, tasks), (int)section.Integer("count", 1, 1, 1000));
        section.Finish();
        return best;
    }

    /// <summary>A metric that evaluations of this job will have.</summary>
    private static string BindMetric(SpecSection section, string path, DataSpec data, TaskWeights tasks)
    {
        if (data.Validation is null)
            section.Error("metric", $"'{path}' compares what is measured on the validation set, but 'data.validation' is missing");
        var before = section.ErrorCount;
        if (!section.Has("metric"))
            section.Error("metric", $"'{path}.metric' is missing; expected {string.Join(", ", ValidationMetric.Names)}");
        var metric = section.Choice("metric", ValidationMetric.Names[0], [.. ValidationMetric.Names]);
        var task = ValidationMetric.TaskOf(metric);
        if (section.ErrorCount == before && !tasks.IsOn(task))
            section.Error("metric", $"'{path}.metric' is '{metric}', but 'training.tasks.{PretrainTasks.Names[(int)task]}' is 0: it is not measured; choose another");
        return metric;
    }
}
