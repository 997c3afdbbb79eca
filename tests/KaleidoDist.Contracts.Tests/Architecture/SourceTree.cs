using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace KaleidoDist.Contracts.Tests;

/// <summary>The projects of the repository as their files describe them.</summary>
internal sealed partial class SourceTree
{
    private SourceTree(string root) => Root = root;

    /// <summary>The folder of the solution.</summary>
    internal string Root { get; }

    /// <summary>Finds the repository around the test's binaries.</summary>
    internal static SourceTree Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KaleidoDist.sln")))
                return new SourceTree(folder.FullName);
        }

        throw new DirectoryNotFoundException($"No KaleidoDist.sln above {AppContext.BaseDirectory}.");
    }

    /// <summary>Project files under <paramref name="folder"/>, by project name.</summary>
    internal IReadOnlyDictionary<string, string> Projects(string folder)
        => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.csproj", SearchOption.AllDirectories).ToDictionary(p => Path.GetFileNameWithoutExtension(p)["KaleidoDist.".Length..]);

    /// <summary>Names of the projects that a project references, without the common prefix.</summary>
    internal static IEnumerable<string> References(string project)
        => XDocument.Load(project).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)["KaleidoDist.".Length..]);

    /// <summary>Packages that a project references by itself.</summary>
    internal static IEnumerable<string> Packages(string project)
        => XDocument.Load(project).Descendants("PackageReference").Select(r => r.Attribute("Include")!.Value);

    /// <summary>Whether a project's compiler accepts unsafe code.</summary>
    internal static bool AllowsUnsafe(string project)
        => XDocument.Load(project).Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true");

    /// <summary>C# files under a folder as (path from the root, code without comments and strings).</summary>
    internal IEnumerable<(string Path, string Code)> Code(string folder)
        => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(p => !p.Contains("/obj/", StringComparison.Ordinal) && !p.Contains("/bin/", StringComparison.Ordinal))
            .Select(p => (Path.GetRelativePath(Root, p), NotCode().Replace(File.ReadAllText(p), " ")));

    /// <summary>Comments, raw, verbatim and plain strings, and characters; raw strings first, they may hold the others.</summary>
    [GeneratedRegex("\"\"\"[\\s\\S]*?\"\"\"|@\"(?:[^\"]|\"\")*\"|\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\\n]|\\\\.)+'|//[^\\n]*|/\\*[\\s\\S]*?\\*/")]
    private static partial Regex NotCode();
}
