using System.Text.RegularExpressions;

namespace KaleidoDist.Contracts;

/// <summary>What reading a specification gave: the job, or every error at once.</summary>
/// <param name="Spec">The job; null when there are errors.</param>
/// <param name="Errors">One line each, <c>file:line: what, found, expected</c>.</param>
public sealed record JobSpecResult(JobSpec? Spec, IReadOnlyList<string> Errors)
{
    /// <summary>The job, or one exception (exit code 2) that names all errors.</summary>
    public JobSpec OrThrow() => Spec ?? throw KaleidoException.Usage(string.Join(Environment.NewLine, Errors));
}

/// <summary>Reads and validates job specifications (YAML): unknown keys are errors with line and suggestion; all errors at once.</summary>
public static partial class JobSpecReader
{
    /// <summary>The largest specification that is read, in bytes.</summary>
    public const int MaxBytes = 1 << 18;

    /// <summary>The most virtual ranks, and so ranks, of a job.</summary>
    public const int MaxVirtualRanks = 4096;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The YAML file.</param>
    /// <param name="overrides"><c>path.to.key=value</c>, applied in order.</param>
    public static JobSpecResult ReadFile(string path, IEnumerable<string>? overrides = null)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            return new JobSpecResult(null, [$"{path}: no such file; expected a job specification (YAML)"]);
        if (file.Length > MaxBytes)
            return new JobSpecResult(null, [$"{path}: {file.Length:N0} bytes; a job specification has at most {MaxBytes:N0}"]);
        try
        {
            return Read(File.ReadAllText(path), path, Environment.CurrentDirectory, overrides);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new JobSpecResult(null, [$"{path}: cannot be read: {error.Message}"]);
        }
    }

    /// <summary>Reads a text.</summary>
    /// <param name="yaml">The specification.</param>
    /// <param name="source">Name shown in errors.</param>
    /// <param name="baseDirectory">Folder that relative paths start from.</param>
    /// <param name="overrides"><c>path.to.key=value</c>, applied in order.</param>
    public static JobSpecResult Read(string yaml, string source, string baseDirectory, IEnumerable<string>? overrides = null)
    {
        var errors = new List<string>();
        if (SpecDocument.Parse(yaml, source, errors) is not { } document)
            return new JobSpecResult(null, errors);
        foreach (var setting in overrides ?? [])
            document.Set(setting);
        var spec = Bind(new SpecSection(document), baseDirectory);
        return new JobSpecResult(errors.Count == 0 ? spec : null, errors);
    }

    /// <summary>
    /// The specification with overrides applied, as YAML: what is submitted. Check it with <see cref="Read"/> and the same overrides
    /// first: a text that is not YAML comes back as it is, and an override that cannot be applied is left out.
    /// </summary>
    public static string ApplyOverrides(string yaml, IEnumerable<string> overrides)
    {
        if (SpecDocument.Parse(yaml, "", []) is not { } document)
            return yaml;
        foreach (var setting in overrides)
            document.Set(setting);
        return document.ToYaml();
    }

    private static JobSpec Bind(SpecSection root, string baseDirectory)
    {
        var name = root.Text("name");
        if (name.Length > 0 && !NamePattern().IsMatch(name))
            root.Error("name", $"'name' is '{SpecText.OneLine(name)}'; expected lower-case letters, digits, '.', '-' and '_', at most 63, starting with a letter or digit");
        if (root.Section("training").Text("task", "") == "extract")
            return BindExtraction(root, name, baseDirectory);
        if (root.Has("extract"))
            root.Error("extract", "'extract' is given, but 'training.task' is not 'extract'; remove the section, or set the task");
        var (preset, model, init, frozen) = BindModel(root.Section("model"), baseDirectory);
        var data = BindData(root.Section("data"), baseDirectory);
        var training = BindTraining(root.Section("training"), model.Patches);
        var spec = new JobSpec
        {
            Name = name,
            Seed = (ulong)root.Integer("seed", 42, 0),
            ModelPreset = preset,
            Model = model,
            ModelInit = init,
            FrozenLayers = frozen,
            Data = data,
            Training = training,
            Workers = BindWorkers(root.Section("workers"), training),
            Checkpoint = BindCheckpoint(root.Section("checkpoint"), data, training.Tasks, baseDirectory),
            Evaluation = BindEvaluation(root.Section("evaluation"), data, training.Tasks),
        };
        root.Finish();
        return spec;
    }

    private static (string Preset, ModelConfig Model, string? Init, int FrozenLayers) BindModel(SpecSection section, string baseDirectory)
    {
        var preset = section.Choice("preset", "kaleido-base", [.. ModelConfig.PresetNames]);
        var start = ModelConfig.Preset(preset)!;
        var encoder = section.Choice("patch_encoder", start.PatchEncoder == PatchEncoderKind.Pixels ? "pixels" : "bank", "pixels", "bank");
        var model = start with
        {
            HiddenSize = (int)section.Integer("hidden_size", start.HiddenSize, 8, 16_384),
            LayerCount = (int)section.Integer("layers", start.LayerCount, 1, 256),
            HeadCount = (int)section.Integer("heads", start.HeadCount, 1, 256),
            IntermediateSize = (int)section.Integer("intermediate_size", start.IntermediateSize, 8, 65_536),
            PatchFeatureSize = (int)section.Integer("patch_feature_size", start.PatchFeatureSize, 8, 16_384),
            PatchEncoder = encoder == "pixels" ? PatchEncoderKind.Pixels : PatchEncoderKind.Bank,
            PatchLayout = section.Choice("patch_layout", LayoutNames[(int)start.PatchLayout], LayoutNames) == LayoutNames[0] ? PatchLayoutKind.Kaleido : PatchLayoutKind.Grid8,
            CellSide = (int)section.Integer("cell_side", start.CellSide, 4, 64),
            HiddenDropout = section.Number("hidden_dropout", start.HiddenDropout, 0, 0.9),
            AttentionDropout = section.Number("attention_dropout", start.AttentionDropout, 0, 0.9),
        };
        if (model.HiddenSize % ModelConfig.WidthMultiple != 0)
            section.Error("hidden_size", $"'model.hidden_size' is {model.HiddenSize}; expected a multiple of {ModelConfig.WidthMultiple}");
        if (model.HiddenSize % model.HeadCount != 0)
            section.Error("heads", $"'model.hidden_size' {model.HiddenSize} is not divisible by 'model.heads' {model.HeadCount}");
        if (model is { PatchLayout: not PatchLayoutKind.Kaleido, PatchEncoder: PatchEncoderKind.Bank })
            section.Error("patch_layout", $"'model.patch_layout' is {LayoutNames[(int)model.PatchLayout]}, but banks have the vectors of kaleido patches; expected 'model.patch_encoder' pixels");
        var init = section.Has("init") ? section.StorePath("init", baseDirectory) : null;
        var frozen = (int)section.Integer("freeze_layers", 0, 0, model.LayerCount);
        section.Finish();
        return (preset, model, init, frozen);
    }

    private static DataSpec BindData(SpecSection section, string baseDirectory)
    {
        var data = new DataSpec
        {
            Train = section.FilePath("train", baseDirectory),
            Validation = section.Has("validation") ? section.FilePath("validation", baseDirectory) : null,
            ShuffleWindow = (int)section.Integer("shuffle_window", 4, 1, 1024),
            MaxBadRows = section.Number("max_bad_rows", 0.001, 0, 1),
            Box = section.Choice("box", "foreground", "foreground", "whole") == "foreground" ? BoxKind.Foreground : BoxKind.Whole,
            Vocabulary = section.Has("vocabulary") ? section.FilePath("vocabulary", baseDirectory) : null,
        };
        section.Finish();
        return data;
    }

    private static TrainingSpec BindTraining(SpecSection section, PatchLayout patches)
    {
        section.Choice("task", "pretrain", "pretrain", "extract");
        var before = section.ErrorCount;
        var virtualRanks = (int)section.Integer("virtual_ranks", 8, 1, MaxVirtualRanks);
        var globalBatch = (int)section.Integer("global_batch_size", 256, 1, 1 << 24);
        if (section.ErrorCount == before && globalBatch % virtualRanks != 0)
            section.Error("global_batch_size", $"'training.global_batch_size' {globalBatch} is not divisible by 'training.virtual_ranks' {virtualRanks}; the nearest that are: {NearestMultiples(globalBatch, virtualRanks)}");
        if (section.Has("epochs") == section.Has("steps"))
            section.Error("steps", section.Has("steps") ? "'training.epochs' and 'training.steps' are both given; expected one of them" : "'training.epochs' or 'training.steps' is missing");
        var optimizer = BindOptimizer(section.Section("optimizer"));
        var training = new TrainingSpec
        {
            GlobalBatchSize = globalBatch,
            VirtualRanks = virtualRanks,
            MicroBatchSize = (int)section.Integer("micro_batch_size", 16, 1, 1 << 16),
            Epochs = section.Has("epochs") ? (int)section.Integer("epochs", 1, 1, 1_000_000) : null,
            Steps = section.Has("steps") ? section.Integer("steps", 1, 1) : null,
            Tasks = BindTasks(section.Section("tasks"), patches),
            LossWeighting = section.Choice("loss_weighting", "fixed", "fixed", "adaptive") == "fixed" ? LossWeighting.Fixed : LossWeighting.Adaptive,
            Masking = section.Choice("masking", "aligned", "aligned", "random") == "aligned" ? MaskingKind.Aligned : MaskingKind.Random,
            MaskMlmOnNegative = section.Choice("mask_mlm_on_negative", "false", "true", "false") == "true",
            Optimizer = optimizer,
            Schedule = BindSchedule(section.Section("schedule"), optimizer),
            Precision = section.Choice("precision", "f32", "f32", "bf16") == "f32" ? Precision.F32 : Precision.Bf16,
            Reduction = section.Choice("reduction", "exact", "exact", "fast") == "exact" ? ReductionMode.Exact : ReductionMode.Fast,
            Overlap = section.Choice("overlap", "true", "true", "false") == "true",
            MismatchShare = section.Number("mismatch_share", 0.5, 0, 1),
            VerifyEvery = (int)section.Integer("verify_every", 100, 0, int.MaxValue),
        };
        CheckTaskSettings(section, training);
        section.Finish();
        return training;
    }

    private static WorkersSpec BindWorkers(SpecSection section, TrainingSpec training)
    {
        var before = section.ErrorCount;
        var min = (int)section.Integer("min", 1, 1, MaxVirtualRanks);
        var max = (int)section.Integer("max", Math.Min(training.VirtualRanks, Math.Max(8, min)), 1, MaxVirtualRanks);
        var bothAreNumbers = section.ErrorCount == before;
        if (bothAreNumbers && max > training.VirtualRanks)
            section.Error("max", $"'workers.max' {max} is more than 'training.virtual_ranks' {training.VirtualRanks}; a rank hosts at least one virtual rank");
        if (bothAreNumbers && min > max)
            section.Error("min", $"'workers.min' {min} is more than 'workers.max' {max}");
        var workers = new WorkersSpec
        {
            Min = min,
            Max = max,
            ThreadsPerRank = (int)section.Integer("threads_per_rank", 1, 1, 1024),
            Device = section.Choice("device", "auto", "auto", "cpu", "cuda") switch { "cpu" => DeviceKind.Cpu, "cuda" => DeviceKind.Cuda, _ => DeviceKind.Auto },
            HangTimeout = section.Time("hang_timeout"),
        };
        section.Finish();
        return workers;
    }

    private static CheckpointSpec BindCheckpoint(SpecSection section, DataSpec data, TaskWeights tasks, string baseDirectory)
    {
        var (steps, time) = section.StepsTimeOrAuto("every", TimeSpan.FromMinutes(5));
        var keep = section.Section("keep");
        var spec = new CheckpointSpec
        {
            Uri = section.FilePath("uri", baseDirectory),
            Store = section.Has("store") ? section.StorePath("store", baseDirectory) : null,
            SingleWriter = section.Choice("single_writer", "false", "true", "false") == "true",
            Every = time,
            EverySteps = steps,
            KeepLast = (int)keep.Integer("last", 3, 2, 1_000_000),
            KeepEvery = keep.TimeOrOff("every", TimeSpan.FromHours(6)),
            MaxLostSteps = section.Has("max_lost_steps") ? section.Integer("max_lost_steps", 0, 0) : null,
            KeepBest = keep.Has("best") ? BindKeepBest(keep.Section("best"), data, tasks) : null,
        };
        keep.Finish();
        section.Finish();
        return spec;
    }

    private static string NearestMultiples(int value, int factor)
        => value < factor ? $"{factor}" : $"{value / factor * factor} and {(value / factor + 1) * factor}";

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{0,62}\\z")]
    private static partial Regex NamePattern();
}
