namespace KaleidoDist.Data;

/// <summary>Reads an untrusted picture file whole, up to the largest size one may have.</summary>
internal static class PictureFile
{
    /// <summary>The file's bytes, or why there are none.</summary>
    public static async ValueTask<SourceImage> ReadAsync(string path, CancellationToken cancel)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            return new NoImage(SkipReason.PictureMissing, "no such picture");
        if (file.Length > DatasetImporter.MaxPictureBytes)
            return TooLarge(file.Length);
        return new EncodedImage(await File.ReadAllBytesAsync(path, cancel));
    }

    /// <summary>The refusal of a file of this size.</summary>
    public static NoImage TooLarge(long bytes)
        => new(SkipReason.PictureTooLarge, $"picture has {bytes:N0} bytes, more than {DatasetImporter.MaxPictureBytes:N0}");
}
