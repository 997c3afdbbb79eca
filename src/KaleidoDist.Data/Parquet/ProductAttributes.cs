namespace KaleidoDist.Data;

/// <summary>What some sources know about a product beyond its text. Null where a row has no value.</summary>
public sealed record ProductAttributes
{
    /// <summary>The product's name.</summary>
    public string? Title { get; init; }

    /// <summary>Who makes it.</summary>
    public string? Brand { get; init; }

    /// <summary>Whom it is made for.</summary>
    public string? Gender { get; init; }

    /// <summary>The season it was made for.</summary>
    public string? Season { get; init; }

    /// <summary>What it is made of.</summary>
    public string? Composition { get; init; }

    /// <summary>The shop's department.</summary>
    public string? Department { get; init; }

    /// <summary>From where the picture shows it.</summary>
    public string? Pose { get; init; }

    /// <summary>Price in US dollars, finite.</summary>
    public float? PriceUsd { get; init; }

    /// <summary>The texts, in the order of <see cref="RawSchema.Attributes"/>.</summary>
    internal IReadOnlyList<string?> Texts => [Title, Brand, Gender, Season, Composition, Department, Pose];

    /// <summary>Attributes from their <see cref="Texts"/> and the price.</summary>
    internal static ProductAttributes From(IReadOnlyList<string?> texts, float? price) => new()
    {
        Title = texts[0],
        Brand = texts[1],
        Gender = texts[2],
        Season = texts[3],
        Composition = texts[4],
        Department = texts[5],
        Pose = texts[6],
        PriceUsd = price,
    };
}
