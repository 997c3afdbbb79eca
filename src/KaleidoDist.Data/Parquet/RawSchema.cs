using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>
/// The columns of a <c>kaleido-raw</c> file: one row per picture. A file may have more columns; a reader needs those named in
/// <see cref="Required"/> and takes the optional ones where they are.
/// </summary>
internal static class RawSchema
{
    /// <summary>Schema name in <see cref="Contracts.DatasetManifest.Schema"/> and in the file's metadata.</summary>
    public const string Name = "kaleido-raw";

    /// <summary>Version of the columns this code writes and reads.</summary>
    public const string Version = "1";

    /// <summary>Metadata key of <see cref="Name"/>.</summary>
    public const string NameKey = "kaleido.schema";

    /// <summary>Metadata key of <see cref="Version"/>.</summary>
    public const string VersionKey = "kaleido.version";

    /// <summary>Metadata key of the kind of source a file was imported from; a folder of pictures is not named.</summary>
    public const string SourceKey = "kaleido.source";

    public const string SampleId = "sample_id";
    public const string ProductId = "product_id";
    public const string ImageId = "image_id";
    public const string ImageIndex = "image_index";
    public const string Image = "image";
    public const string Width = "width";
    public const string Height = "height";
    public const string Text = "text";
    public const string Title = "title";
    public const string Brand = "brand";
    public const string Gender = "gender";
    public const string Season = "season";
    public const string Composition = "composition";
    public const string Department = "department";
    public const string Pose = "pose";
    public const string PriceUsd = "price_usd";
    public const string Category = "category";
    public const string Subcategory = "subcategory";
    public const string CategoryId = "category_id";
    public const string SubcategoryId = "subcategory_id";
    public const string Split = "split";

    /// <summary>list&lt;int32&gt;[4], optional: x1, y1, x2, y2 of the foreground.</summary>
    public const string ForegroundBox = "fg_box";

    /// <summary>list&lt;struct&lt;word_start, word_end: int16, level, patch: int8, score: float&gt;&gt;, optional.</summary>
    public const string Alignments = "alignments";

    /// <summary>Columns a reader cannot do without.</summary>
    public static readonly IReadOnlyList<DataField> Required =
    [
        Strings(ProductId), Bytes(Image), Strings(Text), new DataField<int>(CategoryId), new DataField<int>(SubcategoryId),
    ];

    /// <summary>Columns a reader takes where they are; their types are checked all the same.</summary>
    public static readonly IReadOnlyList<DataField> Optional = [Strings(Category), Strings(Subcategory)];

    /// <summary>Columns of <see cref="ProductAttributes"/>, in their order.</summary>
    public static readonly IReadOnlyList<string> Attributes = [Title, Brand, Gender, Season, Composition, Department, Pose, PriceUsd];

    /// <summary>Columns that are written only where the source has them: attributes, boxes and alignments.</summary>
    public static readonly IReadOnlyList<string> Extras = [.. Attributes, ForegroundBox, Alignments];

    /// <summary>All columns in the order they are written; only the extra ones are nullable or lists.</summary>
    /// <param name="extras">Those of <see cref="Extras"/> that the source has.</param>
    public static ParquetSchema Written(IReadOnlyCollection<string> extras) => new(
    (Field[])[
        new DataField<long>(SampleId),
        Strings(ProductId),
        Strings(ImageId),
        new DataField<int>(ImageIndex),
        Bytes(Image),
        new DataField<int>(Width),
        new DataField<int>(Height),
        Strings(Text),
        .. Attributes.Where(extras.Contains).Select(Attribute),
        Strings(Category),
        Strings(Subcategory),
        new DataField<int>(CategoryId),
        new DataField<int>(SubcategoryId),
        Strings(Split),
        .. extras.Contains(ForegroundBox) ? [Boxes()] : Array.Empty<Field>(),
        .. extras.Contains(Alignments) ? [AlignmentLists()] : Array.Empty<Field>(),
    ]);

    /// <summary>The column <see cref="ForegroundBox"/>.</summary>
    public static Field Boxes() => new ListField(ForegroundBox, new DataField<int>("element"));

    /// <summary>The column <see cref="Alignments"/>.</summary>
    public static Field AlignmentLists() => new ListField(Alignments, new StructField(
        "element",
        new DataField<short>(AnnotationReader.WordStart),
        new DataField<short>(AnnotationReader.WordEnd),
        new DataField<sbyte>(AnnotationReader.Level),
        new DataField<sbyte>(AnnotationReader.Patch),
        new DataField<float>(AnnotationReader.Score)));

    /// <summary>The name a person knows a column's type by.</summary>
    public static string TypeName(DataField field) => field.IsArray ? "list" : field.ClrType switch
    {
        var type when type == typeof(ReadOnlyMemory<byte>) || type == typeof(byte[]) => "binary",
        var type when type == typeof(ReadOnlyMemory<char>) || type == typeof(string) => "string",
        var type => type.Name.ToLowerInvariant(),
    };

    private static DataField Attribute(string name) => name == PriceUsd ? new DataField<float?>(name) : new DataField(name, typeof(string), isNullable: true);

    private static DataField Strings(string name) => new(name, typeof(string), isNullable: false);

    private static DataField Bytes(string name) => new(name, typeof(ReadOnlyMemory<byte>), isNullable: false);
}
