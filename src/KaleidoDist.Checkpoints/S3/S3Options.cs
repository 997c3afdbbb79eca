using Amazon.Runtime;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>How an S3-compatible object store is reached. Credentials come from the SDK's default chain, which renews those that expire.</summary>
public sealed record S3Options
{
    /// <summary>The region signed for where none is named, as every store but Amazon's accepts it.</summary>
    private const string AnyRegion = "us-east-1";

    /// <summary>Where the store listens, with path-style addresses; null for Amazon's own.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Region that requests to <see cref="Endpoint"/> are signed for. Amazon's own follows from the SDK's default chain.</summary>
    public string Region { get; init; } = AnyRegion;

    /// <summary>Bytes of a part of a large file, 5 MiB or more; what is not larger is one object put at once. Default 8 MiB.</summary>
    public int PartBytes { get; init; } = 8 << 20;

    /// <summary>Parts of one file that are on their way at a time. Default 4.</summary>
    public int PartsInFlight { get; init; } = 4;

    /// <summary>Bytes that are read ahead at a time, once a file is read from start to end. Default 8 MiB.</summary>
    public int ReadAheadBytes { get; init; } = 8 << 20;

    /// <summary>Time for one try of one request. Default 60 s: a part at 0.14 MB/s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Further tries after the first failed, with the SDK's own pauses (at most 20 s, with jitter). Default 4.</summary>
    public int RetryCount { get; init; } = 4;

    /// <summary>Credentials; null for the SDK's default chain.</summary>
    internal AWSCredentials? Credentials { get; init; }

    /// <summary>What the environment says: <c>AWS_ENDPOINT_URL_S3</c> or <c>AWS_ENDPOINT_URL</c>, and <c>AWS_REGION</c> or <c>AWS_DEFAULT_REGION</c>.</summary>
    /// <exception cref="KaleidoException">The endpoint is none; usage error.</exception>
    public static S3Options FromEnvironment() => new()
    {
        Endpoint = Variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") is { } url ? ParseEndpoint(url) : null,
        Region = Variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? AnyRegion,
    };

    /// <summary>Reads an endpoint.</summary>
    /// <exception cref="KaleidoException">It is none; usage error.</exception>
    internal static Uri ParseEndpoint(string url)
        => Uri.TryCreate(url, UriKind.Absolute, out var endpoint) && (endpoint.Scheme == Uri.UriSchemeHttps || endpoint.Scheme == Uri.UriSchemeHttp)
            ? endpoint
            : throw KaleidoException.Usage($"The endpoint of the object store (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL) is '{SpecText.OneLine(url)}'; expected http or https, as https://store.example:9000.");

    private static string? Variable(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
                return value;
        }

        return null;
    }
}
