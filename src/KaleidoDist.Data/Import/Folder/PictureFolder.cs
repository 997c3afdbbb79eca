using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>The folder an import may read pictures from, and nothing outside it: neither by '..' nor by a symbolic link.</summary>
internal sealed class PictureFolder
{
    private readonly string root;

    /// <summary>Opens a folder.</summary>
    public PictureFolder(string path)
    {
        if (!Directory.Exists(path))
            throw KaleidoException.Usage($"'{path}': no such folder; expected the folder of the pictures.");
        root = RealPath(Path.GetFullPath(path));
    }

    /// <summary>The folder's absolute path.</summary>
    public string Root => root;

    /// <summary>The absolute path of a picture.</summary>
    /// <exception cref="KaleidoException">It lies outside the folder: the metadata file is not to be trusted.</exception>
    public string Resolve(SourceRow row)
    {
        var path = Path.GetFullPath(row.Image, root);
        if (!IsInside(path) || !IsInside(RealPath(path)))
            throw KaleidoException.Usage($"Line {row.Line}: picture '{row.Image}' lies outside '{root}'; expected a path below it. Nothing was imported from it.");
        return path;
    }

    private bool IsInside(string path) => path.StartsWith(Path.TrimEndingDirectorySeparator(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>The path with every symbolic link on the way followed.</summary>
    private static string RealPath(string path)
    {
        var real = Path.GetPathRoot(path)!;
        foreach (var name in path[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            real = Path.Combine(real, name);
            if (new FileInfo(real).LinkTarget is not null)
                real = RealPath(File.ResolveLinkTarget(real, returnFinalTarget: true)!.FullName);
        }

        return real;
    }
}
