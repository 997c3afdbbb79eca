using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Where rows and pictures come from. An import reads the rows once, in order, then asks for their pictures in the order of the
/// shuffle. For one thread at a time.
/// </summary>
public abstract class ImportSource : IDisposable
{
    private protected ImportSource()
    {
    }

    /// <summary>The kind of source, as files and reports name it.</summary>
    public abstract string Kind { get; }

    /// <summary>Name of what holds the rows, for messages.</summary>
    internal abstract string RowsName { get; }

    /// <summary>Those of <see cref="RawSchema.Extras"/> that rows may have.</summary>
    internal virtual IReadOnlyCollection<string> Extras => [];

    /// <summary>Whether the source says which rows are for validation.</summary>
    internal virtual bool IsSplit => false;

    /// <summary>Whether <see cref="PrepareAsync"/> has to know which pictures belong to rows.</summary>
    internal virtual bool Unpacks => false;

    /// <summary>
    /// What the result depends on, by name: options of the source, and contents of its files. An import that was interrupted goes on
    /// only while all of them are the same.
    /// </summary>
    internal abstract IReadOnlyDictionary<string, string> Identity();

    /// <summary>All usable rows in order of the source; the others go to <paramref name="skip"/>.</summary>
    /// <exception cref="KaleidoException">The source is unusable as a whole.</exception>
    internal abstract IEnumerable<SourceRow> ReadRows(Action<SkippedRow> skip);

    /// <summary>Gets ready to hand out pictures in any order.</summary>
    internal virtual Task PrepareAsync(ImportPreparation preparation, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>A row's picture.</summary>
    internal abstract ValueTask<SourceImage> ReadImageAsync(SourceRow row, CancellationToken cancel);

    /// <summary>Closes files.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}

/// <summary>What a source may use to get ready.</summary>
/// <param name="WorkFolder">Folder for what has to be unpacked; what an earlier attempt completed there is used.</param>
/// <param name="Pictures">What is done to pictures.</param>
/// <param name="IsWanted">Whether a picture of this name belongs to a row.</param>
/// <param name="Progress">Bytes of the source read so far.</param>
internal sealed record ImportPreparation(string WorkFolder, PictureOptions Pictures, Func<string, bool> IsWanted, IProgress<ImportProgress>? Progress);
