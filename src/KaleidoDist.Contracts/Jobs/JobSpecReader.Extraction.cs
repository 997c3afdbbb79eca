namespace KaleidoDist.Contracts;

/// <summary>Jobs of <c>training.task: extract</c>: they have no model, steps or checkpoints, so none of their settings is known.</summary>
public static partial class JobSpecReader
{
    private const int SmallestSide = 32, LargestSide = 1024;

    private static JobSpec BindExtraction(SpecSection root, string name, string baseDirectory)
    {
        var data = root.Section("data");
        var trainFiles = data.FilePath("train", baseDirectory);
        var maxBadRows = data.Number("max_bad_rows", 0.001, 0, 1);
        data.Finish();

        var section = root.Section("training");
        section.Choice("task", "extract", "extract");
        var virtualRanks = (int)section.Integer("virtual_ranks", 8, 1, MaxVirtualRanks);
        section.Finish();

        var checkpoint = root.Section("checkpoint");
        var runFolder = checkpoint.FilePath("uri", baseDirectory);
        checkpoint.Finish();

        // A rank takes one picture at a time.
        var training = new TrainingSpec { VirtualRanks = virtualRanks, GlobalBatchSize = virtualRanks, MicroBatchSize = 1 };
        var spec = new JobSpec
        {
            Name = name,
            Seed = (ulong)root.Integer("seed", 42, 0),
            Model = new ModelConfig(),
            Extract = BindExtract(root.Section("extract"), baseDirectory),
            Data = new DataSpec { Train = trainFiles, MaxBadRows = maxBadRows },
            Training = training,
            Workers = BindWorkers(root.Section("workers"), training),
            Checkpoint = new CheckpointSpec { Uri = runFolder },
        };
        root.Finish();
        return spec;
    }

    private static ExtractSpec BindExtract(SpecSection section, string baseDirectory)
    {
        var isRandom = section.Text("weights") == ExtractSpec.RandomWeights;
        var extract = new ExtractSpec
        {
            Output = section.FilePath("output", baseDirectory),
            Backbone = section.Choice("backbone", ExtractSpec.ResNet50, ExtractSpec.ResNet50),
            Weights = isRandom ? null : section.FilePath("weights", baseDirectory, required: false),
            Side = (int)section.Integer("side", 224, SmallestSide, LargestSide),
        };
        section.Finish();
        return extract;
    }
}
