namespace KaleidoDist.Data;

/// <summary>Names of pictures in an archive or folder.</summary>
internal static class PictureName
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp"];

    /// <summary>The image id of a file: its name without folders and extension; null for files that are no pictures, hidden ones among them.</summary>
    public static string? ImageId(string path)
    {
        var name = path[(path.LastIndexOf('/') + 1)..];
        return !name.StartsWith('.') && Extensions.Contains(Path.GetExtension(name).ToLowerInvariant()) ? Path.GetFileNameWithoutExtension(name) : null;
    }
}
