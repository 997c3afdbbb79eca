namespace KaleidoDist.Data;

/// <summary>One row as it is written to a <c>kaleido-raw</c> file. What training reads of it is a <see cref="RawRow"/>.</summary>
public sealed record RawRecord
{
    /// <summary>Number of the row in its source.</summary>
    public required long SampleId { get; init; }

    /// <summary>Identity of the product; several rows may show one product.</summary>
    public required string ProductId { get; init; }

    /// <summary>Identity of the picture.</summary>
    public required string ImageId { get; init; }

    /// <summary>Which of its product's pictures this is, from 0.</summary>
    public int ImageIndex { get; init; }

    /// <summary>JPEG, PNG or WebP bytes.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>Picture width in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Picture height in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The description.</summary>
    public required string Text { get; init; }

    /// <summary>What the source knows beyond the text; null for nothing.</summary>
    public ProductAttributes? Attributes { get; init; }

    /// <summary>Category name.</summary>
    public string Category { get; init; } = "";

    /// <summary>Sub-category name.</summary>
    public string Subcategory { get; init; } = "";

    /// <summary>Category number.</summary>
    public int CategoryId { get; init; }

    /// <summary>Sub-category number.</summary>
    public int SubcategoryId { get; init; }

    /// <summary>Foreground box x1, y1, x2, y2 in pixels of the upright picture (exclusive ends), or null to have it found.</summary>
    public IReadOnlyList<int>? ForegroundBox { get; init; }

    /// <summary>Known word-patch alignments; empty for none.</summary>
    public IReadOnlyList<Alignment> Alignments { get; init; } = [];

    /// <summary>train, valid or test.</summary>
    public string Split { get; init; } = "train";
}
