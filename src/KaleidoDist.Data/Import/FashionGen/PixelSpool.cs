using System.Runtime.InteropServices;

namespace KaleidoDist.Data;

/// <summary>
/// Pictures of a file that stores many of them in one compressed chunk, converted in file order and kept in a work file: read in the
/// order of the shuffle, every picture would decompress all its neighbours.
/// </summary>
internal sealed class PixelSpool : IDisposable
{
    /// <summary>Pixels in memory at once, besides up to twice as many in decompressed chunks.</summary>
    private const int SlabBytes = 64 << 20;

    private const int CopyBytes = 4 << 20;
    private readonly FileStream data;
    private readonly Place[] places;

    private PixelSpool(string path, Place[] places)
    {
        data = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.RandomAccess);
        this.places = places;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Place(long Offset, int Bytes, int Width, int Height);

    /// <summary>Opens the spool of a file, filling it when an earlier attempt did not.</summary>
    public static PixelSpool Open(FashionGenFile file, string name, ImportPreparation preparation, CancellationToken cancel)
    {
        var path = Path.Combine(preparation.WorkFolder, $"{name}.bin");
        var index = Path.Combine(preparation.WorkFolder, $"{name}.idx");
        if (!File.Exists(index))
            Fill(file, path, index, preparation, cancel);
        return new PixelSpool(path, MemoryMarshal.Cast<byte, Place>(File.ReadAllBytes(index)).ToArray());
    }

    /// <summary>A row's picture.</summary>
    public SourceImage Read(int row)
    {
        var place = places[row];
        var bytes = new byte[place.Bytes];
        data.Position = place.Offset;
        data.ReadExactly(bytes);
        return new ConvertedImage(new StoredPicture(bytes, place.Width, place.Height));
    }

    /// <summary>Closes the work file.</summary>
    public void Dispose() => data.Dispose();

    /// <summary>The index is written last and renamed: with it, the spool is whole.</summary>
    private static void Fill(FashionGenFile file, string path, string index, ImportPreparation preparation, CancellationToken cancel)
    {
        var places = new Place[file.RowCount];
        var slabRows = Math.Clamp(SlabBytes / file.PictureBytes, 1, Math.Min(file.PicturesPerChunk, file.RowCount));
        var pixels = new byte[slabRows * file.PictureBytes];
        using (var target = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, CopyBytes, FileOptions.WriteThrough))
        {
            for (var start = 0; start < file.RowCount; start += slabRows)
            {
                cancel.ThrowIfCancellationRequested();
                var count = Math.Min(slabRows, file.RowCount - start);
                if (count < slabRows)
                    pixels = new byte[count * file.PictureBytes];
                file.ReadPictures(start, count, pixels);
                var slab = pixels;
                var pictures = new StoredPicture[count];
                Parallel.For(0, count, i => pictures[i] = PictureConverter.Convert(
                    new PixelImage(slab.AsMemory(i * file.PictureBytes, file.PictureBytes), file.Width, file.Height), preparation.Pictures, out _)!);
                for (var i = 0; i < count; i++)
                {
                    var picture = pictures[i];
                    places[start + i] = new Place(target.Position, picture.Bytes.Length, picture.Width, picture.Height);
                    target.Write(picture.Bytes.Span);
                }

                preparation.Progress?.Report(new ImportProgress((long)(start + count) * file.PictureBytes, (long)file.RowCount * file.PictureBytes, ImportPhase.Unpacking));
            }
        }

        File.WriteAllBytes($"{index}.partial", MemoryMarshal.AsBytes(places.AsSpan()));
        File.Move($"{index}.partial", index, overwrite: true);
    }
}
