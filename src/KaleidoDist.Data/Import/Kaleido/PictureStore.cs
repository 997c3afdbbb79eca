namespace KaleidoDist.Data;

/// <summary>Pictures by image id, in any order.</summary>
internal interface IPictureStore : IDisposable
{
    /// <summary>The picture's bytes, or why there are none.</summary>
    ValueTask<SourceImage> ReadAsync(string imageId, CancellationToken cancel);
}

/// <summary>Pictures as files of an extracted archive, in folders of any depth. Symbolic links are not followed.</summary>
internal sealed class ExtractedPictures : IPictureStore
{
    private readonly Dictionary<UInt128, string> paths = [];

    /// <summary>Lists a folder.</summary>
    public ExtractedPictures(string folder, Func<string, bool> isWanted)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var path in Directory.EnumerateFiles(folder, "*", options).Order(StringComparer.Ordinal))
        {
            if (PictureName.ImageId(path) is { } id && isWanted(id))
                paths.TryAdd(RowIndex.Hash(id), path);
        }
    }

    /// <inheritdoc/>
    public ValueTask<SourceImage> ReadAsync(string imageId, CancellationToken cancel)
        => paths.TryGetValue(RowIndex.Hash(imageId), out var path)
            ? PictureFile.ReadAsync(path, cancel)
            : ValueTask.FromResult<SourceImage>(new NoImage(SkipReason.PictureMissing, "no such picture"));

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>Pictures as parts of one file: an uncompressed archive as it is, or what was unpacked from a compressed one.</summary>
internal sealed class PackedPictures(string path, IReadOnlyDictionary<UInt128, PackedPictures.Place> places) : IPictureStore
{
    private readonly FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.RandomAccess);

    /// <summary>Where a picture lies.</summary>
    internal readonly record struct Place(long Offset, long Bytes);

    /// <inheritdoc/>
    public async ValueTask<SourceImage> ReadAsync(string imageId, CancellationToken cancel)
    {
        if (!places.TryGetValue(RowIndex.Hash(imageId), out var place))
            return new NoImage(SkipReason.PictureMissing, "no such picture");
        if (place.Bytes > DatasetImporter.MaxPictureBytes)
            return PictureFile.TooLarge(place.Bytes);
        var bytes = new byte[place.Bytes];
        file.Position = place.Offset;
        await file.ReadExactlyAsync(bytes, cancel);
        return new EncodedImage(bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
