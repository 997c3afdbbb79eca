using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>A value of the manifests that differs.</summary>
/// <param name="Name">What it is.</param>
/// <param name="First">In the first checkpoint.</param>
/// <param name="Second">In the second one.</param>
public sealed record ManifestDifference(string Name, string First, string Second);

/// <summary>What differs between two checkpoints, of one run or of two.</summary>
/// <param name="Values">Values of the manifests.</param>
/// <param name="Tensors">Weights that differ, in ordinal name order.</param>
/// <param name="EqualTensorCount">Weights that are equal, bit for bit.</param>
public sealed record CheckpointComparison(IReadOnlyList<ManifestDifference> Values, IReadOnlyList<TensorDifference> Tensors, int EqualTensorCount)
{
    private const int PieceBytes = 4 << 20;

    /// <summary>Whether the weights are equal, bit for bit.</summary>
    public bool WeightsAreEqual => Tensors.Count == 0;

    /// <summary>Reads both checkpoints' weights and compares them.</summary>
    /// <param name="first">A checkpoint and the run folder it is in.</param>
    /// <param name="second">Another one.</param>
    /// <param name="storage">Where they are; the POSIX file system unless given.</param>
    /// <exception cref="KaleidoException">A file is missing or is no safetensors file.</exception>
    public static CheckpointComparison Of((string Run, CheckpointManifest Manifest) first, (string Run, CheckpointManifest Manifest) second, IStorage? storage = null)
    {
        using var a = CheckpointWeights.Open(new CheckpointPaths(first.Run), storage ?? CheckpointStores.Of(first.Run), first.Manifest);
        using var b = CheckpointWeights.Open(new CheckpointPaths(second.Run), storage ?? CheckpointStores.Of(second.Run), second.Manifest);
        var differences = new List<TensorDifference>();
        var equalCount = 0;
        foreach (var name in a.Entries.Concat(b.Entries).Select(e => e.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            if (Compare(a, b, name) is { } difference)
                differences.Add(difference);
            else
                equalCount++;
        }

        return new CheckpointComparison([.. ValuesOf(first.Manifest).Zip(ValuesOf(second.Manifest), Difference).OfType<ManifestDifference>()], differences, equalCount);
    }

    private static TensorDifference? Compare(CheckpointWeights a, CheckpointWeights b, string name)
    {
        if (a.Find(name) is not { } first)
            return new TensorDifference(name, Form(b.Find(name)!), TensorDifferenceKind.Added);
        if (b.Find(name) is not { } second)
            return new TensorDifference(name, Form(first), TensorDifferenceKind.Removed);
        if (Form(first) != Form(second))
            return new TensorDifference(name, $"{Form(first)}, then {Form(second)}", TensorDifferenceKind.Reshaped);

        var distance = new TensorDistance();
        var isEqual = true;
        var (pieceOfA, pieceOfB) = (new byte[Math.Min(PieceBytes, first.Bytes)], new byte[Math.Min(PieceBytes, first.Bytes)]);
        for (long offset = 0; offset < first.Bytes; offset += PieceBytes)
        {
            var count = (int)Math.Min(PieceBytes, first.Bytes - offset);
            a.Read(name, offset, pieceOfA.AsSpan(0, count));
            b.Read(name, offset, pieceOfB.AsSpan(0, count));
            isEqual &= pieceOfA.AsSpan(0, count).SequenceEqual(pieceOfB.AsSpan(0, count));
            if (first.Type == TensorType.F32)
                distance.Add(pieceOfA.AsSpan(0, count), pieceOfB.AsSpan(0, count));
        }

        if (isEqual)
            return null;
        return first.Type == TensorType.F32
            ? new TensorDifference(name, Form(first), TensorDifferenceKind.Changed, distance.Largest, distance.Relative)
            : new TensorDifference(name, Form(first), TensorDifferenceKind.Changed);
    }

    private static string Form(SafetensorsEntry entry) => TensorTypes.Describe(entry.Type, entry.Shape);

    private static ManifestDifference? Difference((string Name, string Value) first, (string Name, string Value) second)
        => first.Value == second.Value ? null : new ManifestDifference(first.Name, first.Value, second.Value);

    private static IReadOnlyList<(string Name, string Value)> ValuesOf(CheckpointManifest m) =>
    [
        ("job", m.JobId),
        ("step", FormattableString.Invariant($"{m.Step}")),
        ("samples", FormattableString.Invariant($"{m.SamplesConsumed}")),
        ("epoch", FormattableString.Invariant($"{m.Epoch}")),
        ("world size", FormattableString.Invariant($"{m.WorldSize}")),
        ("virtual ranks", FormattableString.Invariant($"{m.VirtualRanks}")),
        ("global batch size", FormattableString.Invariant($"{m.GlobalBatch}")),
        ("threads per rank", FormattableString.Invariant($"{m.ThreadsPerRank}")),
        ("seed", FormattableString.Invariant($"{m.Data.Seed}")),
        ("data set", m.Data.DatasetFingerprint),
        ("order", m.Data.Order),
        ("form of the model", m.ModelHash),
        ("software", string.Join(", ", m.Software.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key} {s.Value}"))),
        ("weights xxh128", m.WeightsXxh128),
    ];
}
