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
}
