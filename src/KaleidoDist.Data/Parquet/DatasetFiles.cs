using System.IO.Enumeration;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>A data set's file: where it is, and its name inside the data set, which does not change when the data set is moved.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Name">Path below the part of the pattern that is fixed, with '/'.</param>
internal readonly record struct NamedFile(string Path, string Name);

/// <summary>Finds the files of a data set: a file, a folder (all its *.parquet, or what is asked for) or a pattern with * and ? in any part of the path.</summary>
internal static class DatasetFiles
{
    private const string ParquetPattern = "*.parquet";
    private static readonly char[] Wildcards = ['*', '?'];

    /// <summary>The files in ordinal order of their names.</summary>
    /// <param name="pathOrGlob">File, folder or pattern.</param>
    /// <param name="folderPattern">Which files of a folder are meant.</param>
    /// <param name="expected">What they are, for the message.</param>
    /// <exception cref="KaleidoException">There is none.</exception>
    public static IReadOnlyList<NamedFile> Find(string pathOrGlob, string folderPattern = ParquetPattern, string expected = "Parquet files")
    {
        var path = Path.GetFullPath(pathOrGlob);
        if (File.Exists(path))
            return [new NamedFile(path, Path.GetFileName(path))];
        if (Directory.Exists(path))
            path = Path.Combine(path, folderPattern);
        else if (path.IndexOfAny(Wildcards) < 0)
            throw KaleidoException.Usage($"'{path}': no such file or folder; expected {expected}. Check the path.");

        var parts = path.Split(Path.DirectorySeparatorChar);
        var fixedCount = Array.FindIndex(parts, p => p.IndexOfAny(Wildcards) >= 0);
        var root = Path.DirectorySeparatorChar + Path.Combine(parts[..fixedCount]);
        var files = Expand(root, parts[fixedCount..])
            .Select(f => new NamedFile(f, Path.GetRelativePath(root, f).Replace(Path.DirectorySeparatorChar, '/')))
            .OrderBy(f => f.Name, StringComparer.Ordinal)
            .ToArray();
        return files.Length > 0
            ? files
            : throw KaleidoException.Usage($"'{path}' matches 0 files; expected at least 1. Check the pattern, or list the folder.");
    }

    /// <summary>Names that begin with a dot are unfinished or hidden, and never match a wildcard.</summary>
    private static IEnumerable<string> Expand(string folder, string[] parts)
    {
        if (!Directory.Exists(folder))
            return [];
        var last = parts.Length == 1;
        var entries = last ? Directory.EnumerateFiles(folder) : Directory.EnumerateDirectories(folder);
        var matches = entries.Where(e =>
            FileSystemName.MatchesSimpleExpression(parts[0], Path.GetFileName(e), ignoreCase: false)
            && (parts[0].StartsWith('.') || !Path.GetFileName(e).StartsWith('.')));
        return last ? matches : matches.SelectMany(e => Expand(e, parts[1..]));
    }
}
