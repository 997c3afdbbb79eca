namespace KaleidoDist.Checkpoints;

/// <summary>Which storage a run's checkpoints are in follows from their root: <c>s3://bucket/prefix</c>, or a folder of the file system.</summary>
public static class CheckpointStores
{
    private static readonly Lazy<S3Storage> ObjectStore = new(() => new S3Storage(S3Options.FromEnvironment()));

    /// <summary>The storage of a root.</summary>
    public static IStorage Of(string root) => S3Address.IsOne(root) ? ObjectStore.Value : PosixStorage.Instance;

    /// <summary>A root as its storage takes it: a folder's path absolute, a place in an object store as it is, without a slash at its end.</summary>
    /// <exception cref="KaleidoDist.Contracts.KaleidoException">It begins as a place in an object store, but is none; usage error.</exception>
    public static string Absolute(string root) => S3Address.IsOne(root) ? S3Address.Parse(root).ToString() : Path.GetFullPath(root);
}
