using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>What a <see cref="KaleidoSampleEncoder"/> or a <see cref="BankSampleEncoder"/> is made for.</summary>
public sealed record SampleEncoderOptions
{
    /// <summary>The epoch that keys validation samples in every pass: no training epoch has this number.</summary>
    public const long EvaluationEpoch = -1;

    /// <summary>Sizes; <see cref="ModelConfig.PatchEncoder"/> is what the encoder writes.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>The job's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The tokenizer; no more entries than the model has.</summary>
    public WordPieceTokenizer Tokenizer { get; init; } = WordPieceTokenizer.BertBaseUncased;

    /// <summary>Share of samples whose text is another product's, 0..1.</summary>
    public double MismatchShare { get; init; } = 0.5;

    /// <summary>The tasks that samples are made for: of one that is off nothing is rotated, permuted, lent, greyed, blanked, hidden or mismatched.</summary>
    public TaskWeights Tasks { get; init; } = TaskWeights.All;

    /// <summary>How words and patches are chosen to be hidden.</summary>
    public MaskingKind Masking { get; init; } = MaskingKind.Aligned;

    /// <summary>Whether hidden words of a mismatched text count nothing. They are hidden all the same: what is hidden must not tell a mismatch.</summary>
    public bool MaskMlmOnNegative { get; init; }

    /// <summary>What part of a picture is cut into patches.</summary>
    public BoxKind Box { get; init; } = BoxKind.Foreground;

    /// <summary>
    /// An epoch that stands in for every epoch asked for, so that a sample is the same in every pass; null in training. Evaluation takes
    /// <see cref="EvaluationEpoch"/>.
    /// </summary>
    public long? FixedEpoch { get; init; }

    /// <summary>
    /// Bytes of decoded pictures kept, so that donors are rarely decoded twice; the default holds some 500 of 112 x 112 pixels. Has no
    /// effect on any number of a sample.
    /// </summary>
    public long CropCacheBytes { get; init; } = 32L << 20;

    /// <summary>Throws unless the options can be used.</summary>
    /// <param name="encoder">What the encoder writes.</param>
    /// <exception cref="KaleidoException">An option is out of its range.</exception>
    public void Validate(PatchEncoderKind encoder)
    {
        if (Model.PatchEncoder != encoder)
            throw KaleidoException.Usage(
                $"Patch encoder '{Model.PatchEncoder.ToString().ToLowerInvariant()}' is given samples for '{encoder.ToString().ToLowerInvariant()}'; expected the same. "
                + "Set model.patch_encoder to pixels for a data set of pictures, to bank for one of patch vectors.");
        if (Tokenizer.VocabularySize > Model.VocabularySize)
            throw KaleidoException.Usage(
                $"The vocabulary has {Tokenizer.VocabularySize} entries and the model {Model.VocabularySize}; expected no more than the model's. "
                + $"Set model.vocabulary_size to {Tokenizer.VocabularySize}.");
        if (Tasks.Tasks.FirstOrDefault(task => !Model.Patches.Has(task)) is > 0 and var impossible)
            throw KaleidoException.Usage($"The task '{PretrainTasks.Names[(int)impossible]}' has no patches in the layout '{Model.PatchLayout.ToString().ToLowerInvariant()}'; expected it to be off. Set training.tasks.");
        if (MismatchShare is not (>= 0 and <= 1))
            throw KaleidoException.Usage($"The share of mismatched texts is {MismatchShare}; expected 0 to 1. Set training.mismatch_share.");
    }
}
