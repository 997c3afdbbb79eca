namespace KaleidoDist.Data;

/// <summary>Which columns (CSV) or keys (JSON-lines) of the source hold what. A missing optional one takes its default.</summary>
/// <param name="Image">Path of the picture below the image folder; required.</param>
/// <param name="Text">The description; required.</param>
/// <param name="ProductId">Identity of the product. Default: the picture's path, so that every picture is its own product.</param>
/// <param name="Category">Category name. Default: the first folder of the picture's path, else none.</param>
/// <param name="Subcategory">Sub-category name. Default: the category's name.</param>
public sealed record ImportColumns(
    string Image = "image",
    string Text = "text",
    string ProductId = "product_id",
    string Category = "category",
    string Subcategory = "subcategory");

/// <summary>What is done to pictures on import.</summary>
public sealed record PictureOptions
{
    /// <summary>Longest side in pixels; larger pictures are scaled down. Null stores every picture's bytes as they are.</summary>
    public int? MaxSide { get; init; }

    /// <summary>Whether to pad to a square with white. Needs <see cref="MaxSide"/>.</summary>
    public bool Square { get; init; }

    /// <summary>JPEG quality of pictures that are written anew, 1..100. Default 90.</summary>
    public int JpegQuality { get; init; } = 90;
}

/// <summary>An import of a folder of pictures with a list of descriptions.</summary>
public sealed record ImportOptions
{
    /// <summary>Folder that picture paths start from; nothing outside it is read.</summary>
    public required string ImageFolder { get; init; }

    /// <summary>JSON-lines (.jsonl, .ndjson) or CSV (.csv; .tsv with tabs) file, one picture a line.</summary>
    public required string MetadataFile { get; init; }

    /// <summary>Where <c>train</c> and <c>valid</c> folders are written.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Columns of the source.</summary>
    public ImportColumns Columns { get; init; } = new();

    /// <summary>Share of products whose pictures become validation data, 0..1. Default 0.1.</summary>
    public double ValidationShare { get; init; } = 0.1;

    /// <summary>What is done to pictures.</summary>
    public PictureOptions Pictures { get; init; } = new();

    /// <summary>Seed of the split and of the order of rows.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Rows of a row group. Default 256.</summary>
    public int RowsPerGroup { get; init; } = RawParquetWriter.DefaultRowsPerGroup;

    /// <summary>Most rows of a file. Default 16,384: 64 row groups.</summary>
    public int RowsPerFile { get; init; } = 64 * RawParquetWriter.DefaultRowsPerGroup;

    /// <summary>Whether Parquet files already in the output folders are replaced; refused otherwise.</summary>
    public bool Overwrite { get; init; }
}
