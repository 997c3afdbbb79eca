using System.Globalization;

namespace KaleidoDist.Checkpoints;

/// <summary>What became of weights that were taken by name.</summary>
/// <param name="Source">Where they are from.</param>
/// <param name="IsForeign">Whether another program made them.</param>
/// <param name="Loaded">Weights of the model that were taken.</param>
/// <param name="Kept">Weights of the model that the source does not have: they stay as they were.</param>
/// <param name="Different">Weights of the model that have another shape there, with both: they stay as they were.</param>
/// <param name="Unused">Tensors of the source that the model does not have.</param>
public sealed record WeightsReport(
    string Source,
    bool IsForeign,
    IReadOnlyList<string> Loaded,
    IReadOnlyList<string> Kept,
    IReadOnlyList<string> Different,
    IReadOnlyList<string> Unused)
{
    /// <summary>A summary, and a line for each weight that was not loaded and each tensor that was not used.</summary>
    public IEnumerable<string> Lines =>
    [
        string.Create(
            CultureInfo.InvariantCulture,
            $"starts from {(IsForeign ? "BERT" : "Kaleido-BERT")} weights in '{Source}': {Loaded.Count} of {Loaded.Count + Kept.Count + Different.Count} weights loaded, {Unused.Count} tensors there not used"),
        .. Kept.Select(name => $"not there, as the seed has it: {name}"),
        .. Different.Select(text => $"of another shape, as the seed has it: {text}"),
        .. Unused.Select(name => $"not used: {name}"),
    ];
}
