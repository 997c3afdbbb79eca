using System.Formats.Tar;
using System.IO.Compression;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Opens the pictures of a .tar, a .tar.gz or an extracted folder. A .tar is read once for the places of its members and then used as
/// it is; a .tar.gz has no random access, so its pictures are copied once, one after the other, into a file of the work folder.
/// Nothing is ever extracted to a path that the archive names; one that names a path outside itself is refused all the same.
/// </summary>
internal static class PictureArchive
{
    private const string SpoolName = "pictures.bin";
    private const string SpoolIndexName = "pictures.idx";
    private const int CopyBytes = 4 << 20;

    /// <summary>Opens an archive, unpacking it when that is needed and was not done before.</summary>
    /// <param name="path">Archive or folder.</param>
    /// <param name="preparation">The work folder, and which members are wanted; others are passed over.</param>
    /// <param name="cancel">Stops.</param>
    /// <exception cref="KaleidoException">The archive is damaged, is a bomb, or has a member that escapes.</exception>
    public static async Task<IPictureStore> OpenAsync(string path, ImportPreparation preparation, CancellationToken cancel)
    {
        if (Directory.Exists(path))
            return new ExtractedPictures(path, preparation.IsWanted);
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, CopyBytes, FileOptions.SequentialScan);
        try
        {
            if (!IsGzip(file))
                return new PackedPictures(path, await ReadAsync(file, file, spool: null, preparation, cancel));
            var spool = Path.Combine(preparation.WorkFolder, SpoolName);
            var index = Path.Combine(preparation.WorkFolder, SpoolIndexName);
            if (!File.Exists(index))
                await UnpackAsync(file, spool, index, preparation, cancel);
            return new PackedPictures(spool, PictureIndex.Read(index));
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or FormatException or InvalidOperationException or OverflowException)
        {
            throw KaleidoException.Usage($"'{path}' cannot be read as a .tar or .tar.gz archive ({error.Message}); it is damaged or truncated. Copy or download it again.", error);
        }
    }

    private static bool IsGzip(FileStream file)
    {
        Span<byte> magic = stackalloc byte[2];
        var count = file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false);
        file.Position = 0;
        return count == magic.Length && magic.SequenceEqual<byte>([0x1F, 0x8B]);
    }

    /// <summary>The index is written last and renamed: with it, the spool is whole.</summary>
    private static async Task UnpackAsync(FileStream file, string spool, string index, ImportPreparation preparation, CancellationToken cancel)
    {
        await using var gzip = new GZipStream(file, CompressionMode.Decompress);
        await using var bounded = new ExpansionLimit(gzip, file);
        Dictionary<UInt128, PackedPictures.Place> places;
        await using (var target = new FileStream(spool, FileMode.Create, FileAccess.Write, FileShare.None, CopyBytes, FileOptions.WriteThrough))
            places = await ReadAsync(bounded, file, target, preparation, cancel);
        PictureIndex.Write(index, places);
    }

    /// <summary>Walks over the members and notes the places of those that are wanted: in the archive, or in the spool they are copied to.</summary>
    private static async Task<Dictionary<UInt128, PackedPictures.Place>> ReadAsync(
        Stream tar, FileStream file, FileStream? spool, ImportPreparation preparation, CancellationToken cancel)
    {
        var places = new Dictionary<UInt128, PackedPictures.Place>();
        await using var reader = new TarReader(tar, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, cancel) is { } entry)
        {
            preparation.Progress?.Report(new ImportProgress(file.Position, file.Length, ImportPhase.Unpacking));
            Check(entry, file.Name);
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile) || PictureName.ImageId(entry.Name) is not { } id || !preparation.IsWanted(id))
                continue;
            var place = new PackedPictures.Place(spool?.Position ?? entry.DataOffset, entry.Length);
            if (!places.TryAdd(RowIndex.Hash(id), place))
                throw KaleidoException.Usage($"'{file.Name}' has two pictures '{id}', the second is '{entry.Name}'; expected one. Remove one of them from the archive.");
            if (spool is not null && entry.DataStream is { } data && entry.Length <= DatasetImporter.MaxPictureBytes)
                await data.CopyToAsync(spool, cancel);
        }

        return places;
    }

    private static void Check(TarEntry entry, string archive)
    {
        if (entry.EntryType is TarEntryType.SymbolicLink or TarEntryType.HardLink)
            throw KaleidoException.Usage($"'{archive}' has a link '{entry.Name}' to '{entry.LinkName}'; expected files and folders only. Pack it again without links.");
        if (entry.EntryType is TarEntryType.BlockDevice or TarEntryType.CharacterDevice or TarEntryType.Fifo)
            throw KaleidoException.Usage($"'{archive}' has a device '{entry.Name}'; expected files and folders only. It is no archive of pictures.");
        if (entry.Name.StartsWith('/') || entry.Name.Contains('\0') || entry.Name.Split('/', '\\').Contains(".."))
            throw KaleidoException.Usage($"'{archive}' has a member '{entry.Name}' that lies outside of it; expected paths below its root. Nothing was extracted; do not trust this archive.");
    }
}
