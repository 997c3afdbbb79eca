namespace KaleidoDist.Contracts.Tests;

/// <summary>Tasks, optimizers, schedules and the end of a training in a specification.</summary>
public sealed class TrainingOptionsTests
{
    private const string Minimal = """
        name: job
        data: { train: t, validation: v }
        training: { epochs: 2 }
        checkpoint: { uri: runs/job }
        evaluation: { every: 10 }
        """;

    [Fact]
    public void EveryOptionIsReadAndKeptByJson()
    {
        var spec = Read(
            "training.tasks={ mlm: 2, rotation: 0, blank: 0.5 }", "training.loss_weighting=adaptive", "training.masking=random", "training.mask_mlm_on_negative=true",
            "training.optimizer.name=lamb", "training.schedule={ name: polynomial, power: 2, end_learning_rate: 1e-5 }", "data.box=whole",
            "evaluation.early_stop={ metric: validation.itm.accuracy, patience: 3, min_delta: 0.01 }").OrThrow();
        Assert.Equal(new TaskWeights { Mlm = 2, Rotation = 0, Blank = 0.5 }, spec.Training.Tasks);
        Assert.Equal((LossWeighting.Adaptive, MaskingKind.Random, true), (spec.Training.LossWeighting, spec.Training.Masking, spec.Training.MaskMlmOnNegative));
        Assert.Equal("lamb", spec.Training.Optimizer.Name);
        Assert.Equal(new ScheduleSpec { Name = "polynomial", Power = 2, EndLearningRate = 1e-5 }, spec.Training.Schedule);
        Assert.Equal(BoxKind.Whole, spec.Data.Box);
        Assert.Equal(new EarlyStopSpec("validation.itm.accuracy", 3, 0.01), spec.Evaluation.EarlyStop);
        Assert.Equal(spec, JobSpec.FromJson(spec.ToJson()));
    }

    [Fact]
    public void ASpecificationWrittenBeforeTheseOptionsHasTheirDefaults()
    {
        var spec = Read().OrThrow();
        var old = System.Text.Json.Nodes.JsonNode.Parse(spec.ToJson())!;
        foreach (var key in new[] { "tasks", "loss_weighting", "masking", "mask_mlm_on_negative" })
            old["training"]!.AsObject().Remove(key);
        old["data"]!.AsObject().Remove("box");
        old["evaluation"]!.AsObject().Remove("early_stop");
        Assert.Equal(spec, JobSpec.FromJson(old.ToJsonString()));
    }

    [Fact]
    public void TasksOfWeightZeroAreOff()
    {
        var tasks = Read("training.tasks={ itm: 0, jigsaw: 0 }").OrThrow().Training.Tasks;
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Rotation, PretrainTask.Camouflage, PretrainTask.Grey, PretrainTask.Blank], tasks.Tasks);
        Assert.True(tasks.IsPlainSum);
        Assert.False((tasks with { Grey = 0.5 }).IsPlainSum);
    }

    [Fact]
    public void FashionBertsPatchesHaveThreeTasksUnlessSwitchedOff()
    {
        var spec = Read("model.preset=fashionbert").OrThrow();
        Assert.Equal((PatchLayoutKind.Grid8, PatchEncoderKind.Pixels), (spec.Model.PatchLayout, spec.Model.PatchEncoder));
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Itm, PretrainTask.Blank], spec.Training.Tasks.Tasks);
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Blank], Read("model.preset=fashionbert", "training.tasks.itm=0").OrThrow().Training.Tasks.Tasks);
        Assert.Equal(spec, JobSpec.FromJson(spec.ToJson()));
        Assert.Equal(PatchLayoutKind.Grid8, Read("model={ preset: kaleido-tiny, patch_layout: grid8 }").OrThrow().Model.PatchLayout);
    }

    [Theory]
    [InlineData("training.tasks.grey=1", "'training.tasks.grey' is on, but 'model.patch_layout' grid8 has no patches for it; remove it", "model.preset=fashionbert")]
    [InlineData("model.patch_layout=grid9", "'model.patch_layout' is 'grid9'; expected kaleido, grid8; did you mean 'grid8'?")]
    [InlineData("model.patch_layout=grid8", "'model.patch_layout' is grid8, but banks have the vectors of kaleido patches; expected 'model.patch_encoder' pixels")]
    [InlineData("training.tasks={ rotatoin: 0 }", "unknown key 'training.tasks.rotatoin'; did you mean 'rotation'?")]
    [InlineData("training.tasks.mlm=-1", "'training.tasks.mlm' is '-1'; expected a number from 0 to 1000")]
    [InlineData("training.tasks.mlm=off", "'training.tasks.mlm' is 'off'; expected a number from 0 to 1000")]
    [InlineData("training.tasks={ mlm: 0, itm: 0, rotation: 0, jigsaw: 0, camouflage: 0, grey: 0, blank: 0 }", "all of 'training.tasks' are 0; expected at least one task to train")]
    [InlineData("training={ epochs: 1, mismatch_share: 0.3, tasks: { itm: 0 } }", "'training.mismatch_share' has no effect, since 'training.tasks.itm' is 0: every picture keeps its own text; remove one of them")]
    [InlineData("training={ epochs: 1, mask_mlm_on_negative: true, tasks: { itm: 0 } }", "'training.mask_mlm_on_negative' needs both tasks, but 'training.tasks.mlm' or 'training.tasks.itm' is 0; remove it")]
    [InlineData("training.loss_weighting=adaptiv", "'training.loss_weighting' is 'adaptiv'; expected fixed, adaptive; did you mean 'adaptive'?")]
    [InlineData("training.masking=none", "'training.masking' is 'none'; expected aligned, random")]
    [InlineData("training.optimizer.name=adamv", "'training.optimizer.name' is 'adamv'; expected adamw, adam, lamb; did you mean 'adam'?")]
    [InlineData("training.schedule.name=cosine", "'training.schedule.name' is 'cosine'; expected linear, constant, polynomial")]
    [InlineData("training.schedule.power=2", "'training.schedule.power' belongs to the schedule polynomial, and 'training.schedule.name' is linear; remove it or take polynomial")]
    [InlineData("training.schedule={ name: polynomial, end_learning_rate: 0.5 }", "'training.schedule.end_learning_rate' 0.5 is more than 'training.optimizer.learning_rate' 0.0001; expected at most that")]
    [InlineData("data.box=square", "'data.box' is 'square'; expected foreground, whole")]
    [InlineData("evaluation.early_stop={ patience: 2 }", "'evaluation.early_stop.metric' is missing; expected validation.mlm.loss")]
    [InlineData("evaluation.early_stop={ metric: validation.mlm.loss, patience: 0 }", "'evaluation.early_stop.patience' is '0'; expected a whole number from 1 to 1000000")]
    [InlineData("evaluation={ every: 0, early_stop: { metric: validation.mlm.loss } }", "'evaluation.early_stop' compares evaluations while training, but 'evaluation.every' is 0: there is only one at the end; set 'evaluation.every'")]
    [InlineData("data={ train: t }", "'evaluation.early_stop' compares what is measured on the validation set, but 'data.validation' is missing", "evaluation.early_stop.metric=validation.mlm.loss")]
    [InlineData("training.tasks.jigsaw=0", "'evaluation.early_stop.metric' is 'validation.jigsaw.loss', but 'training.tasks.jigsaw' is 0: it is not measured; choose another", "evaluation.early_stop.metric=validation.jigsaw.loss")]
    [InlineData("training.tasks.mlm=0", "'checkpoint.keep.best.metric' is 'validation.mlm.perplexity', but 'training.tasks.mlm' is 0: it is not measured; choose another", "checkpoint.keep.best.metric=validation.mlm.perplexity")]
    public void AnErrorSaysWhatIsExpected(string setting, string expected, string? before = null)
        => Assert.Contains(expected, Assert.Single(Read([.. before is null ? Array.Empty<string>() : [before], setting]).Errors), StringComparison.Ordinal);

    [Theory]
    [InlineData("validation.mlm.loss", 2.0, 1.9, true)]
    [InlineData("validation.mlm.loss", 2.0, 1.95, false)]
    [InlineData("validation.itm.accuracy", 0.5, 0.6, true)]
    [InlineData("validation.itm.accuracy", 0.5, 0.4, false)]
    [InlineData("validation.mlm.loss", double.NaN, 3, true)]
    [InlineData("validation.mlm.loss", 3, double.NaN, false)]
    [InlineData("validation.mlm.loss", double.NaN, double.NaN, false)]
    public void BetterIsLowerForLossesAndHigherForAccuraciesByTheLeastDifference(string metric, double best, double value, bool expected)
        => Assert.Equal(expected, new EarlyStopSpec(metric, 1, 0.0625).IsBetter(value, best));

    [Fact]
    public void EveryMetricIsAboutATask()
        => Assert.All(ValidationMetric.Names, name => Assert.StartsWith($"validation.{PretrainTasks.Names[(int)ValidationMetric.TaskOf(name)]}.", name, StringComparison.Ordinal));

    private static JobSpecResult Read(params string[] overrides) => JobSpecReader.Read(Minimal, "job.yaml", "/base", overrides);
}
