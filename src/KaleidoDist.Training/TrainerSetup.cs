using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>What a rank trains: the job, its data, and where it begins and ends.</summary>
public sealed record TrainerSetup
{
    /// <summary>The validated job.</summary>
    public required JobSpec Spec { get; init; }

    /// <summary>Identity of the job.</summary>
    public required string JobId { get; init; }

    /// <summary>Training data.</summary>
    public required DatasetManifest Train { get; init; }

    /// <summary>Validation data, or null.</summary>
    public DatasetManifest? Validation { get; init; }

    /// <summary>Where the run's journals and checkpoints live: a folder, or an object store's address.</summary>
    public string RunDirectory => Spec.Checkpoint.Uri;

    /// <summary>Checkpoint to begin from; 0 for new weights.</summary>
    public long ResumeSeq { get; init; }

    /// <summary>Stop, resumable, after this step; 0 for never.</summary>
    public long StopAfterStep { get; init; }

    /// <summary>Generations of the job that broke before this one.</summary>
    public long Failures { get; init; }

    /// <summary>Time from the job's first training to this generation's beginning.</summary>
    public TimeSpan RunningTime { get; init; }

    /// <summary>V, G and the shuffle window.</summary>
    public PlanShape Shape => PlanShape.Of(Spec);

    /// <summary>Optimizer steps of an epoch.</summary>
    public long StepsPerEpoch => Shape.StepCount(Train.RowCount);

    /// <summary>Optimizer steps of the job.</summary>
    public long TotalSteps => Spec.Training.Steps ?? Spec.Training.Epochs!.Value * StepsPerEpoch;

    /// <summary>The last step of this run.</summary>
    public long LastStep => StopAfterStep > 0 ? Math.Min(StopAfterStep, TotalSteps) : TotalSteps;

    /// <summary>What having done <paramref name="steps"/> steps means in epochs and samples.</summary>
    public TrainingPosition PositionAfter(long steps) => TrainingPosition.Of(steps, Train.RowCount, Shape);

    /// <summary>Epochs done after <paramref name="steps"/> steps, with the fraction of the one under way.</summary>
    public double EpochsAfter(long steps) => steps / (double)StepsPerEpoch;

    /// <summary>Feeds the leaves of some virtual ranks, from the step after <paramref name="startStep"/> to <paramref name="endStep"/>; reading begins at once.</summary>
    internal LeafFeed CreateFeed(VirtualRankRange virtualRanks, long startStep, long endStep)
    {
        var options = new LeafFeedOptions
        {
            Manifest = Train, Shape = Shape, Seed = Spec.Seed, Model = Spec.Model, MicroBatchSize = Spec.Training.MicroBatchSize,
            MaxBadRows = Spec.Data.MaxBadRows, VirtualRanks = virtualRanks, StartStep = startStep, EndStep = endStep,
        };
        return new LeafFeed(options, CreateEncoder());
    }

    /// <summary>An encoder of this job's samples.</summary>
    internal ISampleEncoder CreateEncoder(long? fixedEpoch = null)
    {
        var options = new SampleEncoderOptions
        {
            Model = Spec.Model,
            Seed = Spec.Seed,
            MismatchShare = Spec.Training.MismatchShare,
            Tasks = Spec.Training.Tasks,
            Masking = Spec.Training.Masking,
            MaskMlmOnNegative = Spec.Training.MaskMlmOnNegative,
            Box = Spec.Data.Box,
            FixedEpoch = fixedEpoch,
            Tokenizer = Spec.Data.Vocabulary is { } path ? WordPieceTokenizer.FromVocabulary(path) : WordPieceTokenizer.BertBaseUncased,
        };
        return Spec.Model.PatchEncoder == PatchEncoderKind.Bank ? new BankSampleEncoder(options) : new KaleidoSampleEncoder(options);
    }
}
