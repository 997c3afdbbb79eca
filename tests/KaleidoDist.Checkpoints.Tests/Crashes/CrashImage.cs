using System.Text;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>What is on disk after a crash, built change by change.</summary>
internal sealed class CrashImage
{
    private const string DraftFolder = "tmp";
    private readonly Dictionary<int, MemoryNode> nodes = [];
    private readonly Dictionary<int, List<int>> contentChanges = [];

    public CrashImage() => nodes[0] = Storage.Root;

    /// <summary>The file system a recovery finds.</summary>
    public MemoryStorage Storage { get; } = new();

    public void Apply(int index, Change change)
    {
        if (change is ContentChange)
            (contentChanges.TryGetValue(change.Node, out var known) ? known : contentChanges[change.Node] = []).Add(index);
        change.Apply(this);
    }

    public void AddName(int directory, string name, MemoryNode original)
    {
        if (!nodes.TryGetValue(original.Id, out var node))
            nodes[original.Id] = node = new MemoryNode(original.Id, original.IsDirectory);
        Directory(directory).Names[name] = node;
    }

    public void RemoveName(int directory, string name) => Directory(directory).Names.Remove(name);

    /// <summary>A file, also one whose name is not on disk.</summary>
    public MemoryNode File(int id) => nodes.TryGetValue(id, out var node) ? node : nodes[id] = new MemoryNode(id, isDirectory: false);

    /// <summary>
    /// The same for two images that a recovery cannot tell apart: all names that can be reached, and which changes made their content. Drafts are left out:
    /// their names are random, and nobody looks for them.
    /// </summary>
    public string Key()
    {
        var text = new StringBuilder();
        Describe(Storage.Root, text);
        return text.ToString();
    }

    private MemoryNode Directory(int id) => nodes.TryGetValue(id, out var node) ? node : nodes[id] = new MemoryNode(id, isDirectory: true);

    private void Describe(MemoryNode node, StringBuilder text)
    {
        foreach (var (name, child) in node.Names.Where(n => n.Key != DraftFolder))
        {
            text.Append(name).Append('=').Append(child.Id).Append('{');
            if (child.IsDirectory)
                Describe(child, text);
            else
                text.AppendJoin(',', contentChanges.GetValueOrDefault(child.Id) ?? []);
            text.Append('}');
        }
    }
}
