namespace KaleidoDist.Data;

/// <summary>
/// Fashion-Gen as HDF5: pictures as bare pixels, texts as byte strings, several pictures a product. The files are read in parts; a
/// 13 GB file needs no more memory than a small one.
/// </summary>
public sealed class FashionGenSource : ImportSource
{
    /// <summary>Pictures of a chunk up to which they are read one by one.</summary>
    private const int MaxDirectPicturesPerChunk = 4;

    private readonly string path;
    private readonly string textColumn;
    private readonly (string Path, DataSplit? Split, FashionGenFile File)[] files;
    private readonly PixelSpool?[] spools;

    /// <summary>Opens and checks the source.</summary>
    /// <param name="path">The file, of training rows where there is a second one.</param>
    /// <param name="validationPath">The file of validation rows; null splits <paramref name="path"/> by the validation share.</param>
    /// <param name="textColumn">Dataset of the descriptions.</param>
    /// <exception cref="Contracts.KaleidoException">A file is missing, damaged or of another layout.</exception>
    public FashionGenSource(string path, string? validationPath = null, string textColumn = "input_description")
    {
        this.path = path;
        this.textColumn = textColumn;
        var train = FashionGenFile.Open(path);
        try
        {
            files = validationPath is null
                ? [(path, null, train)]
                : [(path, DataSplit.Train, train), (validationPath, DataSplit.Valid, FashionGenFile.Open(validationPath))];
        }
        catch
        {
            train.Dispose();
            throw;
        }

        spools = new PixelSpool?[files.Length];
    }

    /// <inheritdoc/>
    public override string Kind => "fashion-gen";

    internal override string RowsName => path;

    internal override IReadOnlyCollection<string> Extras => RawSchema.Attributes;

    internal override bool IsSplit => files.Length > 1;

    internal override IReadOnlyDictionary<string, string> Identity()
    {
        var identity = new Dictionary<string, string> { ["file"] = SourceFingerprint.Of(path), ["text"] = textColumn };
        if (IsSplit)
            identity.Add("validation file", SourceFingerprint.Of(files[1].Path));
        return identity;
    }

    internal override IEnumerable<SourceRow> ReadRows(Action<SkippedRow> skip)
        => files.SelectMany(f => FashionGenRows.Read(f.File, Path.GetFileName(f.Path), textColumn, f.Split, skip));

    internal override Task PrepareAsync(ImportPreparation preparation, CancellationToken cancel)
    {
        for (var i = 0; i < files.Length; i++)
        {
            spools[i]?.Dispose();
            spools[i] = files[i].File.PicturesPerChunk > MaxDirectPicturesPerChunk ? PixelSpool.Open(files[i].File, $"pixels-{i}", preparation, cancel) : null;
        }

        return Task.CompletedTask;
    }

    internal override ValueTask<SourceImage> ReadImageAsync(SourceRow row, CancellationToken cancel)
    {
        var index = row.Split == DataSplit.Valid ? 1 : 0;
        var number = (int)(row.Line - 1);
        if (spools[index] is { } spool)
            return ValueTask.FromResult(spool.Read(number));
        var file = files[index].File;
        var pixels = new byte[file.PictureBytes];
        file.ReadPictures(number, 1, pixels);
        return ValueTask.FromResult<SourceImage>(new PixelImage(pixels, file.Width, file.Height));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var spool in spools)
            spool?.Dispose();
        foreach (var (_, _, file) in files)
            file.Dispose();
        base.Dispose();
    }
}
