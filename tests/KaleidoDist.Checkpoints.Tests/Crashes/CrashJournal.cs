namespace KaleidoDist.Checkpoints.Tests;

/// <summary>
/// What a program did to a file system, in order, and which of it a power cut can undo. The model is as weak as POSIX allows: a name
/// is durable only after its directory was synced, content only after its file was; until then each may be on disk or not, in any combination.
/// The content of a file counts as two pieces, its first write (with its reserved space) and the others.
/// </summary>
internal sealed class CrashJournal
{
    private readonly List<Change> changes = [];
    private readonly HashSet<int> begun = [];
    private long acknowledgedSeq;

    /// <summary>Every moment at which the power may go and a new state of the disk is possible: after each change (a sync only rules states out).</summary>
    public List<CrashPoint> Points { get; } = [];

    public void Acknowledge(long seq)
    {
        acknowledgedSeq = seq;
        AddPoint();
    }

    public void NameAdded(int directory, string name, MemoryNode node)
        => Add(new NameChange(directory, name, node.Id, image => image.AddName(directory, name, node)));

    public void NameRemoved(int directory, string name) => Add(new NameChange(directory, name, NewNode: 0, image => image.RemoveName(directory, name)));

    public void Allocated(int file, long length) => Add(new ContentChange(file, 0, image => image.File(file).Grow(length)));

    public void Written(int file, long offset, byte[] bytes)
        => Add(new ContentChange(file, begun.Add(file) ? 0 : 1, image => image.File(file).Put(offset, bytes)));

    public void FileSynced(int file) => MakeDurable(changes.OfType<ContentChange>().Where(c => c.Node == file));

    public void DirectorySynced(int directory) => MakeDurable(changes.OfType<NameChange>().Where(c => c.Node == directory));

    /// <summary>The file system after a crash: all that was durable, and these of the volatile changes.</summary>
    public CrashImage Image(CrashPoint point, IReadOnlySet<int> survivors)
    {
        var image = new CrashImage();
        for (var index = 0; index < point.ChangeCount; index++)
        {
            if (!point.Volatile.Contains(index) || survivors.Contains(index))
                image.Apply(index, changes[index]);
        }

        return image;
    }

    private static void MakeDurable(IEnumerable<Change> synced)
    {
        foreach (var change in synced)
            change.IsDurable = true;
    }

    private void Add(Change change)
    {
        changes.Add(change);
        AddPoint();
    }

    private void AddPoint()
    {
        var pending = changes.Index().Where(c => !c.Item.IsDurable).ToList();
        var names = pending.Where(c => c.Item is NameChange).GroupBy(c => ((NameChange)c.Item).Key)
            .Select(g => (First: g.First().Index, Choice: NameChoice(g.Key, [.. g.Select(c => c.Index)])));
        var contents = pending.Where(c => c.Item is ContentChange).GroupBy(c => ((ContentChange)c.Item).Key)
            .Select(g => (First: g.First().Index, Choice: new CrashChoice([[], [.. g.Select(c => c.Index)]])));
        Points.Add(new CrashPoint(
            changes.Count,
            acknowledgedSeq,
            pending.Select(c => c.Index).ToHashSet(),
            [.. names.Concat(contents).OrderBy(c => c.First).Select(c => c.Choice).Where(c => c.Options.Count > 1)]));
    }

    /// <summary>Of the changes of one name the last that is on disk decides: one option for each outcome there can be.</summary>
    private CrashChoice NameChoice((int, string) key, IReadOnlyList<int> indices)
    {
        var before = changes.OfType<NameChange>().LastOrDefault(c => c.Key == key && c.IsDurable)?.NewNode ?? 0;
        var outcomes = new HashSet<int> { before };
        return new CrashChoice([[], .. indices.Where(i => outcomes.Add(((NameChange)changes[i]).NewNode)).Select(i => new[] { i })]);
    }
}

/// <summary>A moment at which the power may go.</summary>
/// <param name="ChangeCount">Changes that have happened.</param>
/// <param name="AcknowledgedSeq">Newest checkpoint that somebody has been told of; 0 for none.</param>
/// <param name="Volatile">Indices of the changes that may be lost.</param>
/// <param name="Choices">What can become of them, each independent of the others; oldest first.</param>
internal sealed record CrashPoint(int ChangeCount, long AcknowledgedSeq, IReadOnlySet<int> Volatile, IReadOnlyList<CrashChoice> Choices);

/// <summary>What can become of a name, or of a piece of a file.</summary>
/// <param name="Options">For each outcome the changes that are on disk.</param>
internal sealed record CrashChoice(IReadOnlyList<IReadOnlyList<int>> Options);

/// <summary>One change of a file system.</summary>
/// <param name="Node">The file or directory whose sync makes it durable.</param>
/// <param name="Apply">Does it to an image.</param>
internal abstract record Change(int Node, Action<CrashImage> Apply)
{
    public bool IsDurable { get; set; }
}

/// <summary>A name was given to a node, or taken away (node 0).</summary>
internal sealed record NameChange(int Node, string Name, int NewNode, Action<CrashImage> Apply) : Change(Node, Apply)
{
    public (int Directory, string Name) Key => (Node, Name);
}

/// <summary>A piece of a file was written.</summary>
internal sealed record ContentChange(int Node, int Piece, Action<CrashImage> Apply) : Change(Node, Apply)
{
    public (int File, int Piece) Key => (Node, Piece);
}
