using KaleidoDist.Contracts;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>The three kinds of static rows of the released data.</summary>
public enum StaticVariant
{
    /// <summary>Pre-training: corrupted tokens, patch features of the five levels, labels of all tasks; 25 columns.</summary>
    Pretrain,

    /// <summary>Image-text retrieval: a pair of a text and a picture and whether they match; 19 columns.</summary>
    Retrieval,

    /// <summary>Category recognition: a picture and its text with category and sub-category; 22 columns.</summary>
    FineTune,
}

/// <summary>What a column of static rows holds.</summary>
internal enum StaticType
{
    /// <summary>Whole numbers between bounds.</summary>
    Int,

    /// <summary>Finite numbers with a fraction.</summary>
    Float,

    /// <summary>A text.</summary>
    Text,
}

/// <summary>A column of static rows.</summary>
/// <param name="Name">Name, as in the released data.</param>
/// <param name="Type">What it holds.</param>
/// <param name="Length">Numbers in it; 1 for a text.</param>
/// <param name="Min">Least whole number.</param>
/// <param name="Max">Largest whole number.</param>
internal sealed record StaticColumn(string Name, StaticType Type, int Length, int Min = 0, int Max = int.MaxValue);

/// <summary>
/// The columns of <c>kaleido-static</c> files and of the tab-separated rows they come from, in the order of the released data. The
/// positions of camouflaged patches are 45 numbers here; the released files have 35, which no model can read.
/// </summary>
internal static class StaticSchema
{
    /// <summary>Schema name.</summary>
    public const string Name = "kaleido-static";

    /// <summary>Version of the columns this code writes and reads.</summary>
    public const string Version = "1";

    /// <summary>Metadata key of the kind of rows.</summary>
    public const string VariantKey = "kaleido.static.variant";

    /// <summary>Parquet column of a row's number in its source.</summary>
    public const string RowId = "row_id";

    public const string RotationPositions = "img_loc_position_rotation";
    public const string JigsawPositions = "img_loc_position_jigsaw";
    public const string CamouflagePositions = "img_loc_position_camouflage";

    /// <summary>Numbers of a patch's position: x1, x2, y1, y2, area.</summary>
    public const int PositionLength = 5;

    /// <summary>Camouflage positions of the released files: seven patches instead of nine.</summary>
    public const int ReleasedCamouflageLength = 7 * PositionLength;

    private const int TokenCount = 64, MaskedCount = 10, FeatureLength = 2048;
    private const int LastTokenId = 30_521;

    private static readonly string[] PatchNames = ["rotation", "jigsaw", "camouflage", "grey_mask", "blank_mask"];

    private static readonly StaticColumn[] Tokens =
    [
        new("input_ids", StaticType.Int, TokenCount, Max: LastTokenId),
        new("input_mask", StaticType.Int, TokenCount, Max: 1),
        new("segment_ids", StaticType.Int, TokenCount, Max: 1),
    ];

    private static readonly StaticColumn[] Patches =
    [
        .. PatchNames.Select((name, i) => new StaticColumn($"img_feature_convert_{name}", StaticType.Float, PatchLevels.Size(i + 1) * FeatureLength)),
        new("image_mask", StaticType.Int, PatchLevels.PatchCount, Max: 1),
        .. PatchNames.Select((name, i) => new StaticColumn($"img_loc_position_{name}", StaticType.Int, PatchLevels.Size(i + 1) * PositionLength)),
    ];

    private static readonly StaticColumn Match = new("nx_sent_labels", StaticType.Int, 1, Max: 1);

    private static readonly StaticColumn[] PretrainColumns =
    [
        .. Tokens,
        new("masked_lm_positions", StaticType.Int, MaskedCount, Max: TokenCount - 1),
        new("masked_lm_ids", StaticType.Int, MaskedCount, Max: LastTokenId),
        new("masked_lm_weights", StaticType.Float, MaskedCount),
        .. Patches,
        new("img_subtasks_flag", StaticType.Int, 1, Min: int.MinValue),
        new("img_grey_lm_ids", StaticType.Int, 2, Max: 15),
        new("img_blank_lm_ids", StaticType.Int, 3, Max: 24),
        new("img_rotate_gt", StaticType.Int, 1, Max: 3),
        new("img_jigsaw_gt", StaticType.Int, 1, Max: 23),
        new("img_camouflage_gt", StaticType.Int, 1, Max: 8),
        new("img_grey_mask_gt", StaticType.Float, 2 * FeatureLength),
        Match,
    ];

    private static readonly StaticColumn[] RetrievalColumns =
    [
        Text("text_prod_id"), .. Tokens, Text("prod_desc"), Match, Text("image_prod_id"), Text("prod_img_id"), .. Patches,
    ];

    private static readonly StaticColumn[] FineTuneColumns =
    [
        Text("text_prod_id"), .. Tokens, Text("prod_desc"), Text("image_prod_id"), Text("prod_img_id"), .. Patches,
        Text("img_category"), new("img_category_id", StaticType.Int, 1, Max: InfoReader.MaxCategoryId),
        Text("img_subcategory"), new("img_subcategory_id", StaticType.Int, 1, Max: InfoReader.MaxCategoryId),
    ];

    /// <summary>Columns of a variant, in order.</summary>
    public static IReadOnlyList<StaticColumn> Columns(StaticVariant variant) => variant switch
    {
        StaticVariant.Pretrain => PretrainColumns,
        StaticVariant.Retrieval => RetrievalColumns,
        StaticVariant.FineTune => FineTuneColumns,
        _ => throw new ArgumentOutOfRangeException(nameof(variant), variant, null),
    };

    /// <summary>The variant whose rows have this many columns; null for none.</summary>
    public static StaticVariant? OfColumnCount(int count)
        => Enum.GetValues<StaticVariant>().Where(v => Columns(v).Count == count).Select(v => (StaticVariant?)v).FirstOrDefault();

    /// <summary>The variants and their columns, for messages.</summary>
    public static string ColumnCounts => string.Join(", ", Enum.GetValues<StaticVariant>().Select(v => $"{Columns(v).Count} ({NameOf(v)})"));

    /// <summary>The variant's name.</summary>
    public static string NameOf(StaticVariant variant) => variant == StaticVariant.FineTune ? "fine-tune" : variant.ToString().ToLowerInvariant();

    /// <summary>The variant of a name; null for none.</summary>
    public static StaticVariant? Named(string name)
        => Enum.GetValues<StaticVariant>().Where(v => NameOf(v) == name).Select(v => (StaticVariant?)v).FirstOrDefault();

    /// <summary>The Parquet columns: the row's number, and the row; numbers are lists, none of them nullable.</summary>
    public static ParquetSchema Parquet(StaticVariant variant) => new((Field[])[new DataField<long>(RowId), .. Columns(variant).Select(Parquet)]);

    private static Field Parquet(StaticColumn column) => column.Type switch
    {
        StaticType.Int => new ListField(column.Name, new DataField<int>("element")),
        StaticType.Float => new ListField(column.Name, new DataField<float>("element")),
        _ => new DataField(column.Name, typeof(string), isNullable: false),
    };

    private static StaticColumn Text(string name) => new(name, StaticType.Text, 1);
}
