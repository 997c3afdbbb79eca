using System.Collections.Immutable;

namespace KaleidoDist.Contracts;

/// <summary>Names of the ways in which a picture is cut into patches.</summary>
public enum PatchLayoutKind
{
    /// <summary>Five levels of 1x1 to 5x5 cells, 55 patches (Kaleido-BERT).</summary>
    Kaleido,

    /// <summary>One level of 8x8 cells, 64 patches (FashionBERT).</summary>
    Grid8,
}

/// <summary>One level of patches: a picture cut into <paramref name="Grid"/> x <paramref name="Grid"/> cells.</summary>
/// <param name="Grid">Cells a side.</param>
/// <param name="Offset">Index of its first patch among all.</param>
public readonly record struct PatchLevel(int Grid, int Offset)
{
    /// <summary>Its patches, row-major.</summary>
    public int Count => Grid * Grid;
}

/// <summary>
/// Which patches a picture becomes, and which tasks work on which of them. Levels are numbered from 1 in the order of the sequence.
/// Two instances, one for each <see cref="PatchLayoutKind"/>.
/// </summary>
public sealed class PatchLayout
{
    private readonly ImmutableDictionary<PretrainTask, (int Level, int Count)> tasks;

    private PatchLayout(PatchLayoutKind kind, ReadOnlySpan<int> grids, params ReadOnlySpan<(PretrainTask Task, int Level, int Count)> tasks)
    {
        Kind = kind;
        var levels = ImmutableArray.CreateBuilder<PatchLevel>();
        foreach (var grid in grids)
        {
            levels.Add(new PatchLevel(grid, PatchCount));
            PatchCount += grid * grid;
        }

        Levels = levels.ToImmutable();
        this.tasks = ImmutableDictionary<PretrainTask, (int, int)>.Empty;
        foreach (var (task, level, count) in tasks)
            this.tasks = this.tasks.Add(task, (level, count));
    }

    /// <summary>The kaleido patches (paper, section 3.2): five levels, each with a task of its own.</summary>
    public static PatchLayout Kaleido { get; } = new(
        PatchLayoutKind.Kaleido,
        [1, 2, 3, 4, 5],
        (PretrainTask.Rotation, 1, 1),
        (PretrainTask.Jigsaw, 2, 4),
        (PretrainTask.Camouflage, 3, 1),
        (PretrainTask.Grey, 4, 2),
        (PretrainTask.Blank, 5, 3));

    /// <summary>FashionBERT's patches (Gao et al., SIGIR 2020): one level, five patches of it masked for reconstruction.</summary>
    public static PatchLayout Grid8 { get; } = new(PatchLayoutKind.Grid8, [8], (PretrainTask.Blank, 1, 5));

    /// <summary>Its name.</summary>
    public PatchLayoutKind Kind { get; }

    /// <summary>The levels, in the order of the sequence; level l is at l - 1.</summary>
    public ImmutableArray<PatchLevel> Levels { get; }

    /// <summary>Patches of all levels.</summary>
    public int PatchCount { get; }

    /// <summary>Cells a side of the finest level.</summary>
    public int FinestGrid => Levels.Max(level => level.Grid);

    /// <summary>The layout of a name.</summary>
    public static PatchLayout Of(PatchLayoutKind kind) => kind == PatchLayoutKind.Kaleido ? Kaleido : Grid8;

    /// <summary>Whether a task can be done: those on words always, those on patches where a level is theirs.</summary>
    public bool Has(PretrainTask task) => task is PretrainTask.Mlm or PretrainTask.Itm || tasks.ContainsKey(task);

    /// <summary>Patches that a task changes in a sample; 0 for one without a level.</summary>
    public int Corrupted(PretrainTask task) => tasks.TryGetValue(task, out var place) ? place.Count : 0;

    /// <summary>The level that a task works on, from 1; 0 for none.</summary>
    public int LevelNumber(PretrainTask task) => tasks.TryGetValue(task, out var place) ? place.Level : 0;

    /// <summary>The level that a task works on.</summary>
    /// <exception cref="InvalidOperationException">The layout has no such task.</exception>
    public PatchLevel LevelOf(PretrainTask task)
        => tasks.TryGetValue(task, out var place) ? Levels[place.Level - 1] : throw new InvalidOperationException($"The patch layout {Kind} has no task {task}.");
}
