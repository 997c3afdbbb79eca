using PureHDF;
using PureHDF.Filters;
using PureHDF.VOL.Native;

namespace KaleidoDist.Data.Tests;

/// <summary>Small HDF5 files of Fashion-Gen's layout: every dataset [rows, 1], pictures [rows, side, side, 3].</summary>
internal static class FashionGenFiles
{
    public const int Side = 16;

    private static readonly string[] TextColumns =
        ["brand", "category", "composition", "concat_description", "department", "description", "gender", "name", "pose", "season", "subcategory"];

    /// <summary>Writes a file of rows i = 0, 1, ...: two pictures a product, one colour a picture.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="picturesPerChunk">Pictures of a gzip chunk; 0 stores them plainly.</param>
    /// <param name="change">Replaces datasets; null removes one.</param>
    public static void Write(string path, int rows, int picturesPerChunk = 0, params (string Name, object? Dataset)[] change)
    {
        var file = new H5File
        {
            ["index"] = Column(Enumerable.Range(0, rows).Select(i => (long)i)),
            ["index_2"] = new H5Dataset(Enumerable.Range(0, rows).Select(i => (long)i).ToArray()),
            ["input_productID"] = Column(Enumerable.Range(0, rows).Select(i => 100L + i / 2)),
            ["input_msrpUSD"] = Column(Enumerable.Range(0, rows).Select(i => i + 0.5f)),
            ["input_image"] = Images(rows, picturesPerChunk),
        };
        foreach (var column in TextColumns)
            file[$"input_{column}"] = Column(Enumerable.Range(0, rows).Select(i => column == "category" ? (i / 2 % 2 == 0 ? "TOPS" : "BAGS") : column == "subcategory" ? "" : $"{column} {i} é"));
        foreach (var (name, dataset) in change)
        {
            if (dataset is null)
                file.Remove(name);
            else
                file[name] = dataset;
        }

        file.Write(path, new H5WriteOptions(DefaultStringLength: 40));
    }

    /// <summary>The colour of a row's picture.</summary>
    public static (byte Red, byte Green, byte Blue) Colour(int row) => ((byte)(row * 20), (byte)(255 - row * 20), 128);

    public static H5Dataset Column<T>(IEnumerable<T> values)
    {
        var all = values.ToArray();
        return new H5Dataset(all, fileDims: [(ulong)all.Length, 1]);
    }

    public static H5Dataset Images(int rows, int picturesPerChunk) => Images(rows, picturesPerChunk == 0 ? null : [(uint)picturesPerChunk, Side, Side, 3]);

    public static H5Dataset Images(int rows, uint[]? chunk)
    {
        var pixels = new byte[rows * Side * Side * 3];
        for (var i = 0; i < pixels.Length; i += 3)
            (pixels[i], pixels[i + 1], pixels[i + 2]) = Colour(i / (Side * Side * 3));
        ulong[] shape = [(ulong)rows, Side, Side, 3];
        return chunk is null
            ? new H5Dataset(pixels, fileDims: shape)
            : new H5Dataset(pixels, chunks: chunk, fileDims: shape, datasetCreation: new H5DatasetCreation(Filters: [DeflateFilter.Id]));
    }
}
