using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>A word of the text and a patch of the picture that belong together (paper, section 3.3).</summary>
/// <param name="WordStart">First WordPiece of the word, counted from the first after [CLS].</param>
/// <param name="WordEnd">One past its last WordPiece.</param>
/// <param name="Level">Patch level, 1..5.</param>
/// <param name="Patch">Patch index within the level, row-major.</param>
/// <param name="Score">Strength, larger is stronger.</param>
public readonly record struct Alignment(short WordStart, short WordEnd, sbyte Level, sbyte Patch, float Score)
{
    /// <summary>What <see cref="IsPossible"/> demands, in words.</summary>
    internal static readonly string Possible = $"0 <= word start < word end, level 1..{PatchLevels.Count}, patch 0..level^2-1 and a finite score";

    /// <summary>Whether word and patch can be.</summary>
    internal bool IsPossible => WordStart >= 0 && WordEnd > WordStart && Level is >= 1 and <= PatchLevels.Count
        && Patch >= 0 && Patch < PatchLevels.Size(Level) && float.IsFinite(Score);
}

/// <summary>One row of a data set, not yet decoded: a picture (<c>kaleido-raw</c>) or its patch vectors (<c>kaleido-bank</c>), and a text.</summary>
public sealed record RawRow
{
    /// <summary>Index of the row in the data set's manifest order: the key of everything random about it.</summary>
    public required long SampleIndex { get; init; }

    /// <summary>Identity of the product; several rows may show one product.</summary>
    public required string ProductId { get; init; }

    /// <summary>Number of the row in its source; <see cref="SampleIndex"/> where the file has none.</summary>
    public long SampleId { get; init; }

    /// <summary>Identity of the picture; empty where the file has none.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>JPEG, PNG or WebP bytes; empty in a bank.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>The patch vectors of a bank; null for pictures.</summary>
    public BankVectors? Vectors { get; init; }

    /// <summary>The description.</summary>
    public required string Text { get; init; }

    /// <summary>Category name.</summary>
    public string Category { get; init; } = "";

    /// <summary>Sub-category name.</summary>
    public string Subcategory { get; init; } = "";

    /// <summary>Category number.</summary>
    public int CategoryId { get; init; }

    /// <summary>Sub-category number.</summary>
    public int SubcategoryId { get; init; }

    /// <summary>Foreground box x1, y1, x2, y2 in pixels (exclusive ends), or null to find it.</summary>
    public IReadOnlyList<int>? ForegroundBox { get; init; }

    /// <summary>Known word-patch alignments; empty for none.</summary>
    public IReadOnlyList<Alignment> Alignments { get; init; } = [];
}

/// <summary>All rows of one Parquet row group: a sample's donors come from here.</summary>
/// <param name="GroupIndex">Index of the row group in the data set's manifest order.</param>
/// <param name="Rows">Rows in file order.</param>
public sealed record RowGroup(long GroupIndex, IReadOnlyList<RawRow> Rows);
