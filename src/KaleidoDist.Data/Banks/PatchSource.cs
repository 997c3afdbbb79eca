using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Whether a data set holds what a model takes: pictures, or vectors of its size.</summary>
public static class PatchSource
{
    /// <summary>What keeps a job from a data set, as one sentence and what to do; null when nothing does.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="manifest">The data set.</param>
    /// <param name="path">Its path or pattern in the job.</param>
    public static string? Conflict(JobSpec spec, DatasetManifest manifest, string path)
    {
        if (spec.Extract is null)
            return Conflict(spec.Model, manifest, path);
        return manifest.Schema == BankSchema.Name
            ? $"training.task is 'extract', but '{path}' holds patch vectors ({manifest.Schema}) already, not pictures. Name the pictures, or train on it (training.task: pretrain)."
            : null;
    }

    /// <summary>What keeps a model from being trained on a data set; null when nothing does.</summary>
    /// <param name="model">Sizes of the model.</param>
    /// <param name="manifest">The data set.</param>
    /// <param name="path">Its path or pattern in the job.</param>
    public static string? Conflict(ModelConfig model, DatasetManifest manifest, string path)
    {
        var isBank = manifest.Schema == BankSchema.Name;
        return (model.PatchEncoder, isBank) switch
        {
            (PatchEncoderKind.Bank, false) =>
                $"model.patch_encoder is 'bank', but '{path}' holds pictures ({manifest.Schema}), not patch vectors. Extract a bank from it (training.task: extract) and name that, or set model.patch_encoder: pixels.",
            (PatchEncoderKind.Pixels, true) =>
                $"model.patch_encoder is 'pixels', but '{path}' holds patch vectors ({manifest.Schema}), not pictures. Set model.patch_encoder: bank and model.patch_feature_size: {manifest.PatchFeatureSize}, or name the pictures.",
            (PatchEncoderKind.Bank, true) when manifest.PatchFeatureSize != model.PatchFeatureSize =>
                $"model.patch_feature_size is {model.PatchFeatureSize}, but the vectors of '{path}' have {manifest.PatchFeatureSize} numbers. Set model.patch_feature_size: {manifest.PatchFeatureSize}.",
            _ => null,
        };
    }

    /// <summary>Refuses a data set of vectors where pictures are looked at.</summary>
    /// <param name="manifest">The data set.</param>
    /// <param name="purpose">What looks at them, as the beginning of a sentence: "A contact sheet shows".</param>
    /// <exception cref="KaleidoException">It holds vectors.</exception>
    public static void RequirePictures(DatasetManifest manifest, string purpose)
    {
        if (manifest.Schema == BankSchema.Name)
            throw KaleidoException.Usage($"{purpose} pictures, but '{manifest.Files[0].Path}' holds patch vectors ({manifest.Schema}). Name the data set that they were extracted from.");
    }
}
