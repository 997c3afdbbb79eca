using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The Kaleido-BERT raw release: texts in <c>full_train_info.txt</c>, and if wanted <c>full_valid_info.txt</c>, and an archive or a
/// folder of pictures named by image id. Categories keep the release's own numbers.
/// </summary>
public sealed class KaleidoReleaseSource : ImportSource
{
    private readonly string infoFile;
    private readonly string? validationInfoFile;
    private readonly string archive;
    private IPictureStore? pictures;

    /// <summary>Names the source.</summary>
    /// <param name="infoFile">Texts, seven columns between bytes 0x01.</param>
    /// <param name="archive">A .tar.gz, a .tar or a folder of pictures.</param>
    /// <param name="validationInfoFile">Texts of the validation rows; null splits <paramref name="infoFile"/> by the validation share.</param>
    /// <exception cref="KaleidoException">One of them is missing.</exception>
    public KaleidoReleaseSource(string infoFile, string archive, string? validationInfoFile = null)
    {
        (this.infoFile, this.archive, this.validationInfoFile) = (infoFile, archive, validationInfoFile);
        foreach (var file in new[] { infoFile, validationInfoFile })
        {
            if (file is not null && !File.Exists(file))
                throw KaleidoException.Usage($"'{file}': no such file; expected the texts of the release (full_train_info.txt). Check the path.");
        }

        if (!File.Exists(archive) && !Directory.Exists(archive))
            throw KaleidoException.Usage($"'{archive}': no such file or folder; expected the pictures of the release (extracted_images.tar.gz). Check the path.");
    }

    /// <inheritdoc/>
    public override string Kind => "kaleido-release";

    internal override string RowsName => infoFile;

    internal override bool IsSplit => validationInfoFile is not null;

    internal override bool Unpacks => true;

    internal override IReadOnlyDictionary<string, string> Identity()
    {
        var identity = new Dictionary<string, string>
        {
            ["texts"] = SourceFingerprint.Of(infoFile),
            ["pictures"] = Directory.Exists(archive) ? Path.GetFullPath(archive) : SourceFingerprint.Of(archive),
        };
        if (validationInfoFile is not null)
            identity.Add("validation texts", SourceFingerprint.Of(validationInfoFile));
        return identity;
    }

    internal override IEnumerable<SourceRow> ReadRows(Action<SkippedRow> skip) => validationInfoFile is null
        ? InfoReader.Read(infoFile, split: null, skip)
        : InfoReader.Read(infoFile, DataSplit.Train, skip).Concat(InfoReader.Read(validationInfoFile, DataSplit.Valid, skip));

    internal override async Task PrepareAsync(ImportPreparation preparation, CancellationToken cancel)
    {
        pictures?.Dispose();
        pictures = await PictureArchive.OpenAsync(archive, preparation, cancel);
    }

    internal override ValueTask<SourceImage> ReadImageAsync(SourceRow row, CancellationToken cancel)
        => pictures?.ReadAsync(row.Image, cancel) ?? throw new InvalidOperationException("Pictures are read after PrepareAsync.");

    /// <inheritdoc/>
    public override void Dispose()
    {
        pictures?.Dispose();
        base.Dispose();
    }
}
