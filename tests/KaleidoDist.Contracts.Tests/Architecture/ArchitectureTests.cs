using System.Text.RegularExpressions;

namespace KaleidoDist.Contracts.Tests;

/// <summary>Holds the walls of DESIGN.md section 1: what each project may know.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly SourceTree Tree = SourceTree.Find();

    /// <summary>Who may reference whom: downward only.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Contracts"] = [],
        ["Data"] = ["Contracts"],
        ["Model"] = ["Contracts"],
        ["Collectives"] = ["Contracts"],
        ["Checkpoints"] = ["Contracts"],
        ["Training"] = ["Contracts", "Data", "Model", "Collectives", "Checkpoints"],
        ["Coordinator"] = ["Contracts", "Data", "Checkpoints"],
        ["Worker"] = ["Contracts", "Training"],
        ["Cli"] = ["Contracts", "Coordinator", "Worker"],
    };

    private static readonly string[] MayKnowTorch = ["Model", "Collectives", "Training", "Worker", "Cli"];
    private static readonly string[] MayBeUnsafe = ["src/KaleidoDist.Collectives/Native/", "src/KaleidoDist.Checkpoints/Posix/"];

    [Fact]
    public void TheTableNamesEveryProject()
        => Assert.Equal(Allowed.Keys.Order(), Tree.Projects("src").Keys.Order());

    [Fact]
    public void ReferencesRunDownward()
        => Assert.Empty(
            from project in Tree.Projects("src")
            from reference in SourceTree.References(project.Value)
            where !Allowed.GetValueOrDefault(project.Key, []).Contains(reference)
            select $"{project.Key} references {reference}");

    [Fact]
    public void EveryProjectButContractsKnowsContracts()
        => Assert.Empty(
            from project in Tree.Projects("src")
            where project.Key != "Contracts" && !SourceTree.References(project.Value).Contains("Contracts")
            select project.Key);

    [Fact]
    public void TorchSharpStaysOutOfTheControlPlaneAndTheDataPath()
    {
        var outside = Allowed.Keys.Except(MayKnowTorch).ToList();
        Assert.Empty(
            from name in outside
            from package in SourceTree.Packages(Tree.Projects("src")[name])
            where package.StartsWith("TorchSharp", StringComparison.Ordinal)
            select $"{name} references the package {package}");
        Assert.Empty(
            from name in outside
            from file in Tree.Code($"src/KaleidoDist.{name}")
            where TorchName().IsMatch(file.Code)
            select $"{file.Path} uses TorchSharp");
        Assert.Empty(
            from name in outside
            from reached in Closure(name)
            where MayKnowTorch.Contains(reached)
            select $"{name} reaches {reached}");
    }

    [Fact]
    public void OrleansIsTheCoordinatorsAlone()
    {
        Assert.Empty(
            from project in Tree.Projects("src").Concat(Tree.Projects("tests"))
            where project.Key is not ("Coordinator" or "Coordinator.Tests")
            from package in SourceTree.Packages(project.Value)
            where package.StartsWith("Microsoft.Orleans", StringComparison.Ordinal)
            select $"{project.Key} references the package {package}");
        Assert.Empty(
            from file in Tree.Code("src").Concat(Tree.Code("tests"))
            where !file.Path.StartsWith("src/KaleidoDist.Coordinator/", StringComparison.Ordinal) && !file.Path.StartsWith("tests/KaleidoDist.Coordinator.Tests/", StringComparison.Ordinal)
            where OrleansName().IsMatch(file.Code)
            select $"{file.Path} uses Orleans");
    }

    [Fact]
    public void UnsafeCodeAndPlatformInvokeLiveInTwoFolders()
        => Assert.Empty(
            from file in Tree.Code("src")
            where !MayBeUnsafe.Any(folder => file.Path.StartsWith(folder, StringComparison.Ordinal))
            where UnsafeWord().IsMatch(file.Code)
            select file.Path);

    [Fact]
    public void TheWallsAreFoundWhereTheyStand()
    {
        Assert.Contains(Tree.Code("src/KaleidoDist.Collectives/Native"), f => UnsafeWord().IsMatch(f.Code));
        Assert.Contains(Tree.Code("src/KaleidoDist.Model"), f => TorchName().IsMatch(f.Code));
    }

    [Fact]
    public void OnlyTheProjectsOfTheseFoldersAllowUnsafeCode()
        => Assert.Empty(
            from project in Tree.Projects("src")
            where SourceTree.AllowsUnsafe(project.Value) && project.Key is not ("Collectives" or "Checkpoints")
            select project.Key);

    private static HashSet<string> Closure(string name)
    {
        var projects = Tree.Projects("src");
        HashSet<string> reached = [];
        var open = new Stack<string>([name]);
        while (open.TryPop(out var next))
        {
            foreach (var reference in SourceTree.References(projects[next]).Where(reached.Add))
                open.Push(reference);
        }

        return reached;
    }

    [GeneratedRegex(@"\bTorchSharp\b")]
    private static partial Regex TorchName();

    [GeneratedRegex(@"\busing\s+(static\s+)?Orleans\b|\bOrleans\.\w")]
    private static partial Regex OrleansName();

    [GeneratedRegex(@"\b(unsafe|LibraryImport|DllImport)\b")]
    private static partial Regex UnsafeWord();
}
