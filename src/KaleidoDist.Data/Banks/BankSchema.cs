using KaleidoDist.Contracts;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>
/// The columns of a <c>kaleido-bank</c> file: one row per picture, with its patch vectors in place of its pixels. Names that
/// <see cref="RawSchema"/> has too mean the same.
/// </summary>
internal static class BankSchema
{
    /// <summary>Schema name in <see cref="DatasetManifest.Schema"/> and in the file's metadata.</summary>
    public const string Name = "kaleido-bank";

    /// <summary>Version of the columns this code writes and reads.</summary>
    public const string Version = "1";

    /// <summary>binary: [74, F] little-endian half-precision numbers.</summary>
    public const string Features = "features";

    /// <summary>list&lt;float&gt;[275]: x1, x2, y1, y2, area of the 55 patches.</summary>
    public const string Positions = "positions";

    /// <summary>Numbers of <see cref="Positions"/>.</summary>
    public const int PositionCount = PatchLevels.PatchCount * PatchNumbers.PositionSize;

    private static readonly DataField FeatureField = new(Features, typeof(ReadOnlyMemory<byte>), isNullable: false);

    /// <summary>Columns a reader cannot do without, lists left out.</summary>
    public static readonly IReadOnlyList<DataField> Required = [FeatureField, .. RawSchema.Required.Where(field => field.Name != RawSchema.Image)];

    /// <summary>All columns in the order they are written.</summary>
    public static ParquetSchema Written() => new(
        new DataField<long>(RawSchema.SampleId),
        Strings(RawSchema.ProductId),
        Strings(RawSchema.ImageId),
        Strings(RawSchema.Text),
        Strings(RawSchema.Category),
        Strings(RawSchema.Subcategory),
        new DataField<int>(RawSchema.CategoryId),
        new DataField<int>(RawSchema.SubcategoryId),
        new DataField(Features, typeof(ReadOnlyMemory<byte>), isNullable: false),
        new ListField(Positions, new DataField<float>("element")),
        RawSchema.Boxes(),
        RawSchema.AlignmentLists());

    private static DataField Strings(string name) => new(name, typeof(string), isNullable: false);
}
