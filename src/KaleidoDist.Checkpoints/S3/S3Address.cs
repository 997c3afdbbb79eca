using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>A name in an object store, <c>s3://bucket/key</c>; what a path is on a file system.</summary>
/// <param name="Bucket">The bucket.</param>
/// <param name="Key">The key; a directory's has no slash at its end.</param>
public readonly record struct S3Address(string Bucket, string Key)
{
    /// <summary>How every such name begins.</summary>
    public const string Scheme = "s3://";

    /// <summary>The key of a directory's marker, and what the keys of everything in it begin with.</summary>
    internal string Folder => Key + "/";

    /// <summary>Whether a text is meant to be such a name.</summary>
    public static bool IsOne(string path) => path.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>Takes a name apart.</summary>
    /// <exception cref="KaleidoException">It lacks a bucket or a key, or has an empty part; usage error.</exception>
    public static S3Address Parse(string path)
    {
        var parts = IsOne(path) ? path[Scheme.Length..].TrimEnd('/').Split('/') : [];
        return parts.Length >= 2 && parts.All(part => part.Length > 0 && part is not ("." or ".."))
            ? new S3Address(parts[0], string.Join('/', parts[1..]))
            : throw KaleidoException.Usage($"'{SpecText.OneLine(path)}' is no place in an object store; expected s3://BUCKET/PREFIX, as s3://team/runs/base.");
    }

    /// <summary>The name as people write it.</summary>
    public override string ToString() => $"{Scheme}{Bucket}/{Key}";
}
