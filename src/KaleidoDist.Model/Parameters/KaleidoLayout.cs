using KaleidoDist.Contracts;

namespace KaleidoDist.Model;

/// <summary>
/// The parameters of a Kaleido-BERT by name, shape and order. Names follow Hugging Face's BERT where BERT has the part, so that
/// bert-base-uncased loads as it is. The order is that of the forward pass, so that gradients become final from the end of the
/// buffer to its start; tensors used by one kernel together (query, key, value; the levels of patches) lie side by side.
/// </summary>
public static class KaleidoLayout
{
    // Slots are 64-byte aligned: only widths that are multiples of 16 floats leave no gap between neighbours.
    private const int WidthMultiple = 16;

    // By task. The decoder of the token task is the table of word embeddings, which is no head.
    private static readonly string[][] HeadPrefixes =
    [
        ["cls.predictions."],
        ["cls.seq_relationship.", "bert.pooler."],
        ["cls.rotation."],
        ["cls.jigsaw."],
        ["cls.camouflage."],
        ["cls.grey_to_color."],
        ["cls.blank_to_color."],
    ];

    /// <summary>Lays out the parameters of a model.</summary>
    /// <exception cref="KaleidoException">The sizes do not fit together.</exception>
    public static ParameterLayout Of(ModelConfig config)
    {
        Validate(config);
        return new ParameterLayout(Names(config).Select(p => (p.Name, p.Shape, Decays(p.Name))));
    }

    /// <summary>Whether only this task's loss reads a parameter: its head, and of image-text matching the pooler too.</summary>
    public static bool IsHeadOf(PretrainTask task, string parameter)
        => Array.Exists(HeadPrefixes[(int)task], prefix => parameter.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Whether weight decay applies to a parameter: not to biases and LayerNorms (KALEIDO-BERT section 4).</summary>
    private static bool Decays(string name)
        => !name.EndsWith("bias", StringComparison.Ordinal) && !name.Contains("LayerNorm", StringComparison.Ordinal);

    private static void Validate(ModelConfig config)
    {
        if (config.HiddenSize % WidthMultiple != 0 || config.HiddenSize <= 0)
            throw KaleidoException.Usage($"The model's hidden size is {config.HiddenSize}; expected a positive multiple of {WidthMultiple}. Change it or take a preset.");
        if (config.HeadCount <= 0 || config.HiddenSize % config.HeadCount != 0)
            throw KaleidoException.Usage($"The model has {config.HeadCount} attention heads; expected a divisor of its hidden size {config.HiddenSize}. Change one of them.");
        if (config.TextLength > config.MaxPositions)
            throw KaleidoException.Usage($"The model's text length is {config.TextLength}; expected at most its {config.MaxPositions} text positions. Change one of them.");
    }

    private static IEnumerable<(string Name, long[] Shape)> Names(ModelConfig config)
    {
        var patches = config.Patches;
        long hidden = config.HiddenSize, features = config.PatchFeatureSize, vocabulary = config.VocabularySize;
        return
        [
            ("bert.embeddings.word_embeddings.weight", [vocabulary, hidden]),
            ("bert.embeddings.position_embeddings.weight", [config.MaxPositions, hidden]),
            ("bert.embeddings.token_type_embeddings.weight", [config.TokenTypeCount, hidden]),
            .. LayerNorm("bert.embeddings.LayerNorm", hidden),
            .. PatchEncoder(config),
            .. Enumerable.Range(1, patches.Levels.Length).SelectMany(level => PatchLevel($"bert.patch_embeddings.{level}", hidden, features)),
            // Ids are level numbers; row 0 is unused.
            ("bert.patch_embeddings.type_embeddings.weight", [patches.Levels.Length + 1, hidden]),
            ("bert.patch_embeddings.position_projection.weight", [hidden, PatchNumbers.PositionSize]),
            .. Enumerable.Range(0, config.LayerCount).SelectMany(layer => EncoderLayer($"bert.encoder.layer.{layer}", hidden, config.IntermediateSize)),
            .. Dense("bert.pooler.dense", hidden, hidden),
            .. Dense("cls.predictions.transform.dense", hidden, hidden),
            .. LayerNorm("cls.predictions.transform.LayerNorm", hidden),
            ("cls.predictions.bias", [vocabulary]),
            .. Dense("cls.seq_relationship", 2, hidden),
            .. Classifier(PretrainTask.Rotation, "cls.rotation", 4),
            .. Classifier(PretrainTask.Jigsaw, "cls.jigsaw", 24),
            .. Classifier(PretrainTask.Camouflage, "cls.camouflage", 9),
            .. Reconstruction(PretrainTask.Grey, "cls.grey_to_color.weight"),
            .. Reconstruction(PretrainTask.Blank, "cls.blank_to_color.weight"),
        ];

        IEnumerable<(string, long[])> Classifier(PretrainTask task, string name, long classes)
            => patches.Has(task) ? Dense(name, classes, patches.LevelOf(task).Count * hidden) : [];

        IEnumerable<(string, long[])> Reconstruction(PretrainTask task, string name)
            => patches.Has(task) ? [(name, [config.ReconstructionSize, hidden])] : [];
    }

    private static IEnumerable<(string, long[])> PatchEncoder(ModelConfig config)
        => config.PatchEncoder == PatchEncoderKind.Pixels
            ? [.. Dense("patch_encoder.dense", config.PatchFeatureSize, config.CellPixelCount), .. LayerNorm("patch_encoder.LayerNorm", config.PatchFeatureSize)]
            : [];

    private static IEnumerable<(string, long[])> PatchLevel(string name, long hidden, long features)
        => [($"{name}.projection.weight", [hidden, features]), .. LayerNorm($"{name}.LayerNorm", hidden)];

    private static IEnumerable<(string, long[])> EncoderLayer(string name, long hidden, long intermediate)
        =>
        [
            .. Dense($"{name}.attention.self.query", hidden, hidden),
            .. Dense($"{name}.attention.self.key", hidden, hidden),
            .. Dense($"{name}.attention.self.value", hidden, hidden),
            .. Dense($"{name}.attention.output.dense", hidden, hidden),
            .. LayerNorm($"{name}.attention.output.LayerNorm", hidden),
            .. Dense($"{name}.intermediate.dense", intermediate, hidden),
            .. Dense($"{name}.output.dense", hidden, intermediate),
            .. LayerNorm($"{name}.output.LayerNorm", hidden),
        ];

    private static IEnumerable<(string, long[])> Dense(string name, long outputs, long inputs)
        => [($"{name}.weight", [outputs, inputs]), ($"{name}.bias", [outputs])];

    private static IEnumerable<(string, long[])> LayerNorm(string name, long width)
        => [($"{name}.weight", [width]), ($"{name}.bias", [width])];
}
