namespace KaleidoDist.Contracts.Tests;

public sealed class JobSpecReaderTests
{
    private const string Minimal = """
        name: job
        data: { train: data/*.parquet }
        training:
          epochs: 2
        checkpoint: { uri: runs/job }
        """;

    [Fact]
    public void TheMinimalJobHasTheDocumentedDefaults()
    {
        var spec = Read(Minimal).OrThrow();

        Assert.Equal("job", spec.Name);
        Assert.Equal(42UL, spec.Seed);
        Assert.Equal("kaleido-base", spec.ModelPreset);
        Assert.Equal(new ModelConfig(), spec.Model);
        Assert.Equal(new DataSpec { Train = "/base/data/*.parquet" }, spec.Data);
        Assert.Equal(new TrainingSpec { Epochs = 2 }, spec.Training);
        Assert.Equal(new WorkersSpec(), spec.Workers);
        Assert.Equal(new CheckpointSpec { Uri = "/base/runs/job" }, spec.Checkpoint);
        Assert.Equal(new EvaluationSpec(), spec.Evaluation);
    }

    [Fact]
    public void AnExtractionHasNoModelStepsOrCheckpoints()
    {
        const string extraction = """
            name: job
            data: { train: data/*.parquet }
            training: { task: extract, virtual_ranks: 16 }
            extract: { output: bank, weights: resnet50.safetensors }
            checkpoint: { uri: runs/job }
            """;
        var spec = Read(extraction).OrThrow();
        Assert.Equal(new ExtractSpec { Output = "/base/bank", Weights = "/base/resnet50.safetensors" }, spec.Extract);
        Assert.Equal((16, 16, 224), (spec.Training.VirtualRanks, spec.Training.GlobalBatchSize, spec.Extract!.Side));
        Assert.Equal(spec, JobSpec.FromJson(spec.ToJson()));

        Assert.True(Read(extraction.Replace("resnet50.safetensors", "random", StringComparison.Ordinal)).OrThrow().Extract!.IsRandom);
        Assert.Equal(["job.yaml:4: 'extract.weights' is missing"], Read(extraction.Replace(", weights: resnet50.safetensors", "", StringComparison.Ordinal)).Errors);
        Assert.Equal(
            ["job.yaml:3: unknown key 'training.epochs'", "job.yaml:4: 'extract.side' is '16'; expected a whole number from 32 to 1024"],
            Read(extraction.Replace("virtual_ranks: 16", "epochs: 2", StringComparison.Ordinal).Replace("output: bank", "output: bank, side: 16", StringComparison.Ordinal)).Errors.Order());
        Assert.Contains("'training.task' is not 'extract'", Assert.Single(Read(Minimal + "\nextract: { output: bank, weights: random }").Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void AHangTimeoutIsATimeOrAuto()
    {
        Assert.Null(Read(Minimal + "\nworkers: { hang_timeout: auto }").OrThrow().Workers.HangTimeout);
        var error = Assert.Throws<KaleidoException>(() => Read(Minimal + "\nworkers: { hang_timeout: 5 }").OrThrow());
        Assert.Contains("'workers.hang_timeout' is '5'; expected a time (30s, 5m, 1.5h) or auto", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckpointsAreKeptEverySixHoursUnlessThatIsOff()
    {
        Assert.Equal(TimeSpan.FromHours(6), Read(Minimal).OrThrow().Checkpoint.KeepEvery);
        Assert.Null(Read(Minimal, "checkpoint.keep.every=off").OrThrow().Checkpoint.KeepEvery);
    }

    [Fact]
    public void EveryKeyIsRead()
    {
        var spec = Read("""
            name: all-keys
            seed: 18_000_000_000
            model: { preset: kaleido-tiny, patch_encoder: bank, hidden_size: 256, layers: 3, heads: 8, intermediate_size: 512,
                     patch_feature_size: 64, cell_side: 8, hidden_dropout: 0, attention_dropout: 0.2 }
            data: { train: /t/*.parquet, validation: v.parquet, shuffle_window: 7, max_bad_rows: 0.5, vocabulary: vocab.txt }
            training:
              task: pretrain
              global_batch_size: 60
              virtual_ranks: 12
              micro_batch_size: 5
              steps: 1_000
              optimizer: { name: adamw, learning_rate: 5.0e-4, betas: [0.8, 0.95], epsilon: 1e-8, weight_decay: 0.01, clip_norm: 0 }
              schedule: { name: constant, warmup: 50 }
              precision: f32
              reduction: fast
              overlap: false
              mismatch_share: 0.25
              verify_every: 0
            workers: { min: 2, max: 12, threads_per_rank: 3, device: cpu, hang_timeout: 90s }
            checkpoint: { uri: /runs/x, every: 25, keep: { last: 5, every: 90m, best: { metric: validation.itm.accuracy, count: 2 } } }
            evaluation: { every: 10, samples: 99 }
            """).OrThrow();

        Assert.Equal(18_000_000_000UL, spec.Seed);
        Assert.Equal(
            ModelConfig.Preset("kaleido-tiny")! with
            {
                PatchEncoder = PatchEncoderKind.Bank, HiddenSize = 256, LayerCount = 3, HeadCount = 8, IntermediateSize = 512,
                PatchFeatureSize = 64, CellSide = 8, HiddenDropout = 0, AttentionDropout = 0.2,
            },
            spec.Model);
        Assert.Equal(new DataSpec { Train = "/t/*.parquet", Validation = "/base/v.parquet", ShuffleWindow = 7, MaxBadRows = 0.5, Vocabulary = "/base/vocab.txt" }, spec.Data);
        Assert.Equal(
            new TrainingSpec
            {
                GlobalBatchSize = 60, VirtualRanks = 12, MicroBatchSize = 5, Steps = 1000, Reduction = ReductionMode.Fast, Overlap = false, MismatchShare = 0.25, VerifyEvery = 0,
                Optimizer = new OptimizerSpec { LearningRate = 5e-4, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.01, ClipNorm = 0 },
                Schedule = new ScheduleSpec { Name = "constant", Warmup = 50 },
            },
            spec.Training);
        Assert.Equal(5, spec.Training.LeafSize);
        Assert.Equal(new WorkersSpec { Min = 2, Max = 12, ThreadsPerRank = 3, Device = DeviceKind.Cpu, HangTimeout = TimeSpan.FromSeconds(90) }, spec.Workers);
        Assert.Equal(new CheckpointSpec { Uri = "/runs/x", Every = null, EverySteps = 25, KeepLast = 5, KeepEvery = TimeSpan.FromMinutes(90), KeepBest = new KeepBestSpec("validation.itm.accuracy", 2) }, spec.Checkpoint);
        Assert.True(spec.Checkpoint.KeepBest!.HigherIsBetter);
        Assert.Equal(new EvaluationSpec { Every = 10, Samples = 99 }, spec.Evaluation);
    }

    [Fact]
    public void JsonKeepsEveryValueOfASpecification()
    {
        var spec = Read(Minimal, "model.preset=kaleido-small", "checkpoint.every=90s", "workers.device=cuda", "data.validation=v", "checkpoint.keep.best.metric=validation.mlm.loss").OrThrow();
        Assert.Equal(spec, JobSpec.FromJson(spec.ToJson()));
    }

    [Theory]
    [InlineData("s3://team-1/runs/base/", "s3://team-1/runs/base")]
    [InlineData("s3://b.c/..a/x!_.*'()-", "s3://b.c/..a/x!_.*'()-")]
    [InlineData("shared/run", "/base/shared/run")]
    public void CheckpointsAreInTheRunFolderUnlessAStoreIsNamed(string store, string root)
    {
        var checkpoint = JobSpec.FromJson(Read(Minimal, $"checkpoint.store={store}", "checkpoint.single_writer=true").OrThrow().ToJson()).Checkpoint;
        Assert.Equal((root, "/base/runs/job", true), (checkpoint.Root, checkpoint.Uri, checkpoint.SingleWriter));
        Assert.Equal("/base/runs/job", Read(Minimal).OrThrow().Checkpoint.Root);
    }

    [Fact]
    public void HowManyStepsDamageMayCostIsOpenUnlessItIsSaid()
    {
        Assert.Null(Read(Minimal).OrThrow().Checkpoint.MaxLostSteps);
        Assert.Equal(0, JobSpec.FromJson(Read(Minimal, "checkpoint.max_lost_steps=0").OrThrow().ToJson()).Checkpoint.MaxLostSteps);
    }

    [Theory]
    [InlineData("25", 25, null)]
    [InlineData("90s", null, 90)]
    [InlineData("auto", null, null)]
    public void CheckpointsComeEveryFewStepsByTimeOrAsMeasured(string every, int? steps, int? seconds)
    {
        var checkpoint = JobSpec.FromJson(Read(Minimal, $"checkpoint.every={every}").OrThrow().ToJson()).Checkpoint;
        Assert.Equal((steps, (double?)seconds, every == "auto"), (checkpoint.EverySteps, checkpoint.Every?.TotalSeconds, checkpoint.IsAuto));
    }

    [Fact]
    public void AllErrorsAreNamedAtOnceWithTheirLines()
    {
        var result = Read("""
            name: Über Job
            data:
              trian: x.parquet
            training:
              global_batch_size: 100
              virtual_ranks: 8
              epochs: 2
              steps: 10
              precision: f16
            workers: { max: 9 }
            checkpoint:
              uri: runs
              every: 5 minutes
            """);

        Assert.Null(result.Spec);
        Assert.Equal(
            [
                "job.yaml:1: 'name' is 'Über Job'; expected lower-case letters, digits, '.', '-' and '_', at most 63, starting with a letter or digit",
                "job.yaml:3: 'data.train' is missing",
                "job.yaml:3: unknown key 'data.trian'; did you mean 'train'?",
                "job.yaml:5: 'training.global_batch_size' 100 is not divisible by 'training.virtual_ranks' 8; the nearest that are: 96 and 104",
                "job.yaml:8: 'training.epochs' and 'training.steps' are both given; expected one of them",
                "job.yaml:9: 'training.precision' is 'f16'; expected f32, bf16; did you mean 'bf16'?",
                "job.yaml:10: 'workers.max' 9 is more than 'training.virtual_ranks' 8; a rank hosts at least one virtual rank",
                "job.yaml:13: 'checkpoint.every' is '5 minutes'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto",
            ],
            result.Errors);
    }

    [Fact]
    public void OneExceptionWithExitCodeTwoNamesAllErrors()
    {
        var error = Assert.Throws<KaleidoException>(() => Read("name: job").OrThrow());
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Equal(
            ["job.yaml: 'data.train' is missing", "job.yaml: 'training.epochs' or 'training.steps' is missing", "job.yaml: 'checkpoint.uri' is missing"],
            error.Message.Split(Environment.NewLine));
    }

    [Theory]
    [InlineData("name: [a]", "job.yaml:1: 'name' is a list; expected a value")]
    [InlineData("name:", "job.yaml:1: 'name' is empty; expected a value")]
    [InlineData("seed: -1", "job.yaml:1: 'seed' is '-1'; expected a whole number of at least 0")]
    [InlineData("seed: 1.5", "job.yaml:1: 'seed' is '1.5'; expected a whole number of at least 0")]
    [InlineData("seed: 99999999999999999999", "job.yaml:1: 'seed' is '99999999999999999999'; expected a whole number of at least 0")]
    [InlineData("model: tiny", "job.yaml:1: 'model' is 'tiny'; expected a mapping of keys")]
    [InlineData("model: { preset: kaleido-tinny }", "job.yaml:1: 'model.preset' is 'kaleido-tinny'; expected kaleido-tiny, kaleido-small, kaleido-base, fashionbert; did you mean 'kaleido-tiny'?")]
    [InlineData("model: { preset: gpt }", "job.yaml:1: 'model.preset' is 'gpt'; expected kaleido-tiny, kaleido-small, kaleido-base, fashionbert")]
    [InlineData("model: { patch_encoder: resnet }", "job.yaml:1: 'model.patch_encoder' is 'resnet'; expected pixels, bank")]
    [InlineData("model: { heads: 7 }", "job.yaml:1: 'model.hidden_size' 768 is not divisible by 'model.heads' 7")]
    [InlineData("model: { hidden_size: 200, heads: 2 }", "job.yaml:1: 'model.hidden_size' is 200; expected a multiple of 16")]
    [InlineData("model: { hidden_dropout: 1 }", "job.yaml:1: 'model.hidden_dropout' is '1'; expected a number from 0 to 0.9")]
    [InlineData("model: { hidden_dropout: .nan }", "job.yaml:1: 'model.hidden_dropout' is '.nan'; expected a number from 0 to 0.9")]
    [InlineData("checkpoint: { uri: 's3://bucket/run' }", "job.yaml:1: 'checkpoint.uri' is 's3://bucket/run'; expected a path of the file system, as runs/my-job")]
    [InlineData("checkpoint: { uri: \"a\\0b\" }", "job.yaml:1: 'checkpoint.uri' is 'a b'; expected a path of the file system, as runs/my-job")]
    [InlineData("checkpoint: { every: 0 }", "job.yaml:1: 'checkpoint.every' is '0'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto")]
    [InlineData("checkpoint: { every: 0s }", "job.yaml:1: 'checkpoint.every' is '0s'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto")]
    [InlineData("checkpoint: { every: 5x }", "job.yaml:1: 'checkpoint.every' is '5x'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto")]
    [InlineData("checkpoint: { every: 99999999999999999999h }", "job.yaml:1: 'checkpoint.every' is '99999999999999999999h'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto")]
    [InlineData("checkpoint: { every: '٣s' }", "job.yaml:1: 'checkpoint.every' is '٣s'; expected a number of steps (100), a time (30s, 5m, 1.5h) or auto")]
    [InlineData("checkpoint: { keep: { last: 1 } }", "job.yaml:1: 'checkpoint.keep.last' is '1'; expected a whole number from 2 to 1000000")]
    [InlineData("checkpoint: { keep: { every: never } }", "job.yaml:1: 'checkpoint.keep.every' is 'never'; expected a time (30s, 5m, 1.5h) or off")]
    [InlineData("checkpoint: { store: 's3://bucket' }", "job.yaml:1: 'checkpoint.store' is 's3://bucket'; expected s3://BUCKET/PREFIX of letters, digits and !_.*'()-, or a path of the file system")]
    [InlineData("checkpoint: { store: 's3://bucket/a/../b' }", "job.yaml:1: 'checkpoint.store' is 's3://bucket/a/../b'; expected s3://BUCKET/PREFIX of letters, digits and !_.*'()-, or a path of the file system")]
    [InlineData("checkpoint: { store: 'gs://bucket/a' }", "job.yaml:1: 'checkpoint.store' is 'gs://bucket/a'; expected s3://BUCKET/PREFIX of letters, digits and !_.*'()-, or a path of the file system")]
    [InlineData("checkpoint: { single_writer: yes }", "job.yaml:1: 'checkpoint.single_writer' is 'yes'; expected true, false")]
    [InlineData("checkpoint: { keep: { best: { count: 1 } } }", "job.yaml:1: 'checkpoint.keep.best' compares what is measured on the validation set, but 'data.validation' is missing")]
    [InlineData("checkpoint: { keep: { best: { metric: validation.mlm.los } } }", "job.yaml:1: 'checkpoint.keep.best.metric' is 'validation.mlm.los'; expected validation.mlm.loss, validation.itm.loss, validation.rotation.loss, validation.jigsaw.loss, validation.camouflage.loss, validation.grey.loss, validation.blank.loss, validation.mlm.accuracy, validation.itm.accuracy, validation.rotation.accuracy, validation.jigsaw.accuracy, validation.camouflage.accuracy, validation.mlm.perplexity; did you mean 'validation.mlm.loss'?")]
    [InlineData("checkpoint: { keep: { best: { metric: validation.mlm.loss, count: 0 } } }", "job.yaml:1: 'checkpoint.keep.best.count' is '0'; expected a whole number from 1 to 1000")]
    [InlineData("checkpoint: { keep: { best: { metrics: x } } }", "job.yaml:1: unknown key 'checkpoint.keep.best.metrics'; did you mean 'metric'?")]
    [InlineData("training: { optimizer: { betas: [0.9] } }", "job.yaml:1: 'training.optimizer.betas' is a list; expected two numbers from 0 to 0.999999, as [0.9, 0.98]")]
    [InlineData("training: { optimizer: { betas: [0.9, 1] } }", "job.yaml:1: 'training.optimizer.betas' is a list; expected two numbers from 0 to 0.999999, as [0.9, 0.98]")]
    [InlineData("training: { global_batch_size: 3 }", "job.yaml:1: 'training.global_batch_size' 3 is not divisible by 'training.virtual_ranks' 8; the nearest that are: 8")]
    [InlineData("training: { virtual_ranks: 5000 }", "job.yaml:1: 'training.virtual_ranks' is '5000'; expected a whole number from 1 to 4096")]
    [InlineData("training: { task: caption }", "job.yaml:1: 'training.task' is 'caption'; expected pretrain, extract")]
    [InlineData("training: { }", "job.yaml:1: 'training.epochs' or 'training.steps' is missing")]
    [InlineData("workers: { min: 4, max: 2 }", "job.yaml:1: 'workers.min' 4 is more than 'workers.max' 2")]
    [InlineData("evaluation: { evry: 5 }", "job.yaml:1: unknown key 'evaluation.evry'; did you mean 'every'?")]
    [InlineData("zzz: 1", "job.yaml:1: unknown key 'zzz'")]
    [InlineData("trainign: {}", "job.yaml:1: unknown key 'trainign'; did you mean 'training'?")]
    public void AnErrorNamesLineValueAndWhatIsExpected(string yaml, string expected)
        => Assert.Contains(expected, Read(yaml).Errors);

    [Fact]
    public void ABadNumberOfVirtualRanksIsNotBlamedOnTheBatchSize()
        => Assert.Equal(
            ["job.yaml:5: 'training.virtual_ranks' is 'many'; expected a whole number from 1 to 4096"],
            Read(Minimal.Replace("  epochs: 2", "  epochs: 2\n  virtual_ranks: many\n  global_batch_size: 33", StringComparison.Ordinal)).Errors);

    [Fact]
    public void MoreWorkersThanTheDefaultAreAllowedWithoutNamingTheMost()
        => Assert.Equal(12, Read(Minimal, "training.virtual_ranks=16", "workers.min=12").OrThrow().Workers.Max);

    [Theory]
    [InlineData("", "job.yaml: expected one YAML document that is a mapping of keys, as 'name: my-job'")]
    [InlineData("just words", "job.yaml: expected one YAML document that is a mapping of keys, as 'name: my-job'")]
    [InlineData("- a\n- b", "job.yaml: expected one YAML document that is a mapping of keys, as 'name: my-job'")]
    [InlineData("name: a\n---\nname: b", "job.yaml: expected one YAML document that is a mapping of keys, as 'name: my-job'")]
    [InlineData("name: a\nseed: 1\nname: b", "job.yaml:3: a key is given twice; expected it once")]
    [InlineData("name: &n a\nseed: 1", "job.yaml:1: anchors and aliases (&, *) are not read; expected plain values")]
    [InlineData("name: a\nseed: *n", "job.yaml:2: anchors and aliases (&, *) are not read; expected plain values")]
    public void ATextThatIsNotOneMappingIsRefused(string yaml, string expected)
        => Assert.Equal([expected], Read(yaml).Errors);

    [Fact]
    public void TextThatIsNotYamlIsRefusedWithItsLine()
        => Assert.StartsWith("job.yaml:2: not YAML: ", Assert.Single(Read("name: a\n\tseed: 1").Errors), StringComparison.Ordinal);

    [Fact]
    public void DeepNestingIsRefusedBeforeATreeIsBuilt()
        => Assert.Equal(
            ["job.yaml:1: nested more than 16 deep; a job specification has four levels"],
            Read($"name: {new string('[', 100_000)}").Errors);

    [Fact]
    public void ATextThatIsTooLongIsRefused()
        => Assert.Equal(
            ["job.yaml: 262,145 characters; a job specification has at most 262,144 bytes"],
            Read(new string('#', JobSpecReader.MaxBytes + 1)).Errors);

    [Fact]
    public void AFileThatIsTooLongIsNotRead()
    {
        var path = Path.GetTempFileName();
        using (var file = File.OpenWrite(path))
            file.SetLength(1L << 40);
        Assert.Equal([$"{path}: 1,099,511,627,776 bytes; a job specification has at most 262,144"], JobSpecReader.ReadFile(path).Errors);
        File.Delete(path);
    }

    [Fact]
    public void AMissingFileIsNamed()
        => Assert.Equal(["/nowhere/job.yaml: no such file; expected a job specification (YAML)"], JobSpecReader.ReadFile("/nowhere/job.yaml").Errors);

    [Fact]
    public void AValueOfManyLinesIsShownOnOne()
        => Assert.Contains("job.yaml:1: 'seed' is 'a b'; expected a whole number of at least 0", Read("seed: \"a\\nb\"").Errors);

    [Fact]
    public void OverridesAreAppliedInOrder()
        => Assert.Equal(7, Read(Minimal, "training.epochs=3", "training.epochs=7").OrThrow().Training.Epochs);

    [Fact]
    public void AnOverrideMayBeAListOrAMapping()
    {
        var spec = Read(Minimal, "training.optimizer.betas=[0.5, 0.6]", "workers={ min: 1, max: 3 }").OrThrow();
        Assert.Equal((0.5, 0.6, 3), (spec.Training.Optimizer.Beta1, spec.Training.Optimizer.Beta2, spec.Workers.Max));
    }

    [Fact]
    public void SettingStepsReplacesTheEpochsOfTheFile()
    {
        var training = Read(Minimal, "training.steps=12").OrThrow().Training;
        Assert.Equal((null, 12L), (training.Epochs, training.Steps));
    }

    [Theory]
    [InlineData("training.stpes=20", "--set training.stpes=20: unknown key 'training.stpes'; did you mean 'steps'?")]
    [InlineData("trainig.steps=20", "--set trainig.steps=20: unknown key 'trainig'; did you mean 'training'?")]
    [InlineData("training.epochs=many", "--set training.epochs=many: 'training.epochs' is 'many'; expected a whole number from 1 to 1000000")]
    [InlineData("training.epochs=", "--set training.epochs=: 'training.epochs' is empty; expected a value")]
    [InlineData("name.first=x", "--set name.first=x: 'name' is a value in job.yaml; expected a mapping of keys")]
    [InlineData("steps", "--set steps: expected path=value, as training.steps=20")]
    [InlineData("=5", "--set =5: expected path=value, as training.steps=20")]
    [InlineData("training..steps=5", "--set training..steps=5: expected path=value, as training.steps=20")]
    [InlineData("seed=1\nname: other", "--set seed=1 name: other: the value has several lines; expected one")]
    public void AnOverrideThatCannotBeIsNamedAsItWasTyped(string setting, string expected)
        => Assert.Equal([expected], Read(Minimal, setting).Errors);

    [Fact]
    public void WhatIsSubmittedReadsAsTheFileWithItsOverrides()
    {
        string[] overrides = ["training.steps=12", "checkpoint.uri=/elsewhere", "model.preset=kaleido-tiny"];
        var submitted = JobSpecReader.ApplyOverrides(Minimal, overrides);
        Assert.Equal(Read(Minimal, overrides).OrThrow(), Read(submitted).OrThrow());
    }

    private static JobSpecResult Read(string yaml, params string[] overrides) => JobSpecReader.Read(yaml, "job.yaml", "/base", overrides);
}
