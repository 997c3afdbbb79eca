using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>How the vectors of a bank were made, as its files' metadata says: files of one data set must agree in all of it.</summary>
public sealed record BankProperties
{
    /// <summary>Largest F that is read: memory is asked for by it.</summary>
    public const int MaxFeatureSize = 16_384;

    private const string BackboneKey = "kaleido.backbone", WeightsKey = "kaleido.weights_xxh128", TypeKey = "kaleido.feature_dtype",
        SizeKey = "kaleido.feature_size", FrameKey = "kaleido.position_frame", BoxKey = "kaleido.box_policy", SideKey = "kaleido.cell_side";

    private const string Half = "float16", Frame = "foreground-box", Box = "given-or-found";

    /// <summary>The network that made the vectors, as <c>resnet50</c>; or with random weights, <c>resnet50-random-42</c>.</summary>
    public required string Backbone { get; init; }

    /// <summary>XXH128 over its weights, tensors in the order of their names, lower-case hex.</summary>
    public required string WeightsXxh128 { get; init; }

    /// <summary>Numbers of a vector, F.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>Side in pixels to which every patch was resized.</summary>
    public required int CellSide { get; init; }

    /// <summary>The metadata of a file.</summary>
    internal Dictionary<string, string> ToMetadata() => new()
    {
        [RawSchema.NameKey] = BankSchema.Name,
        [RawSchema.VersionKey] = BankSchema.Version,
        [BackboneKey] = Backbone,
        [WeightsKey] = WeightsXxh128,
        [TypeKey] = Half,
        [SizeKey] = FeatureSize.ToString(CultureInfo.InvariantCulture),
        [FrameKey] = Frame,
        [BoxKey] = Box,
        [SideKey] = CellSide.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Reads the metadata of a file whose <see cref="SchemaVersion"/> was checked.</summary>
    /// <exception cref="KaleidoException">Something is missing or not known here.</exception>
    internal static BankProperties Read(string path, IReadOnlyDictionary<string, string> metadata)
    {
        Expect(TypeKey, Half);
        Expect(FrameKey, Frame);
        return new BankProperties
        {
            Backbone = Text(BackboneKey),
            WeightsXxh128 = Text(WeightsKey),
            FeatureSize = Number(SizeKey, MaxFeatureSize),
            CellSide = Number(SideKey, int.MaxValue),
        };

        string Text(string key) => metadata.TryGetValue(key, out var value) ? value : throw Wrong(key, "nothing", "a value");

        void Expect(string key, string known)
        {
            if (Text(key) != known)
                throw Wrong(key, $"'{Text(key)}'", $"'{known}'");
        }

        int Number(string key, int max) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= 1 && value <= max
            ? value
            : throw Wrong(key, $"'{Text(key)}'", $"a number from 1 to {max}");

        KaleidoException Wrong(string key, string found, string expected)
            => KaleidoException.Usage($"'{path}' has {found} as its metadata '{key}'; expected {expected}. Extract the bank again with 'training.task: extract'.");
    }
}
