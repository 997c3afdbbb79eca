using System.Runtime.InteropServices;

namespace KaleidoDist.Data;

/// <summary>The places of unpacked pictures, as a work file: it exists when unpacking ended.</summary>
internal static class PictureIndex
{
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Entry(UInt128 Id, long Offset, long Bytes);

    /// <summary>Writes the file, whole or not at all.</summary>
    public static void Write(string path, IReadOnlyDictionary<UInt128, PackedPictures.Place> places)
    {
        var temporary = $"{path}.partial";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            foreach (var (id, place) in places)
            {
                var entry = new Entry(id, place.Offset, place.Bytes);
                file.Write(MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(in entry, 1)));
            }
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Reads the file.</summary>
    public static IReadOnlyDictionary<UInt128, PackedPictures.Place> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var places = new Dictionary<UInt128, PackedPictures.Place>();
        var entry = default(Entry);
        var bytes = MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref entry, 1));
        while (file.Position < file.Length)
        {
            file.ReadExactly(bytes);
            places.Add(entry.Id, new PackedPictures.Place(entry.Offset, entry.Bytes));
        }

        return places;
    }
}
