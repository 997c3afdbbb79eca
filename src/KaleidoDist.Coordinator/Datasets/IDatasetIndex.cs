using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Coordinator;

/// <summary>Finds out what a data set is made of.</summary>
internal interface IDatasetIndex
{
    /// <summary>Indexes a path or pattern.</summary>
    /// <exception cref="KaleidoException">Nothing matches, or a file is damaged or of another schema.</exception>
    Task<DatasetManifest> IndexAsync(string pathOrGlob, CancellationToken cancellation);
}

/// <summary>Parquet files on this machine's file system.</summary>
internal sealed class ParquetDatasetIndex : IDatasetIndex
{
    /// <inheritdoc/>
    public Task<DatasetManifest> IndexAsync(string pathOrGlob, CancellationToken cancellation) => DatasetIndexer.IndexAsync(pathOrGlob, cancellation);
}
