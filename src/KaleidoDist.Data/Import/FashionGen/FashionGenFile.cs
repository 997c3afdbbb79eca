using KaleidoDist.Contracts;
using PureHDF;
using PureHDF.Selections;
using PureHDF.VOL.Native;

namespace KaleidoDist.Data;

/// <summary>
/// An open Fashion-Gen HDF5 file: its datasets were checked against one another, nothing of them is in memory. Reads are hyperslabs.
/// </summary>
internal sealed class FashionGenFile : IDisposable
{
    /// <summary>Longest fixed-length text in bytes; the longest description has some thousands.</summary>
    public const int MaxTextBytes = 1 << 16;

    /// <summary>Longest side of a picture.</summary>
    public const int MaxSide = 4096;

    /// <summary>Largest chunk: it is decompressed whole, whatever part of it is asked for.</summary>
    public const ulong MaxChunkBytes = 64 << 20;

    private const int CacheSlotCount = 100_003;
    private const ulong CacheFactor = 2;
    private const string Images = "input_image";
    private const string Products = "input_productID";
    private const int Channels = 3;

    private readonly NativeFile file;
    private readonly string path;
    private readonly NativeDataset images;

    private FashionGenFile(NativeFile file, string path)
    {
        (this.file, this.path) = (file, path);
        images = (NativeDataset)Dataset(Images);
        if (images.Type is not { Class: H5DataTypeClass.FixedPoint, Size: 1, FixedPoint.IsSigned: false } || images.Space.Dimensions is not [> 0 and <= int.MaxValue, > 0 and <= MaxSide, > 0 and <= MaxSide, Channels])
            throw Wrong(Images, Describe(images), $"uint8 [rows, height, width, {Channels}] with sides up to {MaxSide}");
        (RowCount, Height, Width) = ((int)images.Space.Dimensions[0], (int)images.Space.Dimensions[1], (int)images.Space.Dimensions[2]);
    }

    /// <summary>Rows of every dataset.</summary>
    public int RowCount { get; }

    /// <summary>Height of every picture in pixels.</summary>
    public int Height { get; }

    /// <summary>Width of every picture in pixels.</summary>
    public int Width { get; }

    /// <summary>Bytes of a picture: [height, width, 3].</summary>
    public int PictureBytes => Height * Width * Channels;

    /// <summary>
    /// Pictures that are stored together, where reading one decompresses the others; 1 where each can be read alone, as in a file
    /// that is not compressed.
    /// </summary>
    public int PicturesPerChunk
    {
        get
        {
            const int assumed = 128;
            return images.Layout.Class == H5DataLayoutClass.Chunked ? Chunk(images) is [var rows, ..] ? (int)rows : assumed : 1;
        }
    }

    /// <summary>Opens a file and checks its pictures.</summary>
    /// <exception cref="KaleidoException">It is missing, truncated, no HDF5 or of another layout.</exception>
    public static FashionGenFile Open(string path)
    {
        if (!File.Exists(path))
            throw KaleidoException.Usage($"'{path}': no such file; expected a Fashion-Gen HDF5 file (fashiongen_256_256_train.h5). Check the path.");
        NativeFile? file = null;
        try
        {
            file = H5File.OpenRead(path);
            return new FashionGenFile(file, path);
        }
        catch (Exception error) when (error is not KaleidoException)
        {
            file?.Dispose();
            throw Damaged(path, error);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a dataset of this name.</summary>
    public bool Has(string name) => file.LinkExists(name);

    /// <summary>A column of texts, ready to be read in parts.</summary>
    public FashionGenColumn<string> Texts(string name)
    {
        var dataset = Column(name);
        if (dataset.Type.Class == H5DataTypeClass.VariableLength)
            return new FashionGenColumn<string>((start, count) => Read<string[]>(dataset, start, count));
        if (dataset.Type.Class != H5DataTypeClass.String || dataset.Type.Size is < 1 or > MaxTextBytes)
            throw Wrong(name, Describe(dataset), $"byte strings of at most {MaxTextBytes:N0} bytes");
        var size = dataset.Type.Size;
        return new FashionGenColumn<string>((start, count) =>
        {
            var bytes = Read<byte[]>(dataset, start, count);
            var texts = new string[count];
            for (var i = 0; i < count; i++)
                texts[i] = ForeignText.Decode(bytes.AsSpan(i * size, size).TrimEnd((byte)0));
            return texts;
        });
    }

    /// <summary>The column of product numbers.</summary>
    public FashionGenColumn<long> ProductIds()
    {
        var dataset = Column(Products);
        if (dataset.Type is not { Class: H5DataTypeClass.FixedPoint, Size: 4 or 8 })
            throw Wrong(Products, Describe(dataset), "int32 or int64");
        return dataset.Type.Size == sizeof(int)
            ? new FashionGenColumn<long>((start, count) => Array.ConvertAll(Read<int[]>(dataset, start, count), id => (long)id))
            : new FashionGenColumn<long>((start, count) => Read<long[]>(dataset, start, count));
    }

    /// <summary>A column of numbers with a fraction.</summary>
    public FashionGenColumn<float> Numbers(string name)
    {
        var dataset = Column(name);
        if (dataset.Type is not { Class: H5DataTypeClass.FloatingPoint, Size: 4 or 8 })
            throw Wrong(name, Describe(dataset), "float32 or float64");
        return dataset.Type.Size == sizeof(float)
            ? new FashionGenColumn<float>((start, count) => Read<float[]>(dataset, start, count))
            : new FashionGenColumn<float>((start, count) => Array.ConvertAll(Read<double[]>(dataset, start, count), value => (float)value));
    }

    /// <summary>Reads pictures: [count, height, width, 3].</summary>
    public void ReadPictures(int start, int count, byte[] pixels)
    {
        var slab = new HyperslabSelection(rank: 4, [(ulong)start, 0, 0, 0], [(ulong)count, (ulong)Height, (ulong)Width, Channels]);

        // A chunk may hold a part of many pictures: unless all chunks of the slab stay in memory, each is decompressed for every line.
        var cache = new SimpleReadingChunkCache(CacheSlotCount, CacheFactor * (ulong)pixels.Length + MaxChunkBytes);
        Guarded(() =>
        {
            images.Read(new H5DatasetAccess(ChunkCache: cache), pixels, slab, memoryDims: [(ulong)count * (ulong)PictureBytes]);
            return pixels;
        });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private T Read<T>(IH5Dataset dataset, int start, int count)
    {
        var slab = dataset.Space.Rank == 1
            ? new HyperslabSelection((ulong)start, (ulong)count)
            : new HyperslabSelection(rank: 2, [(ulong)start, 0], [(ulong)count, 1]);
        return Guarded(() => typeof(T) == typeof(byte[]) ? dataset.Read<T>(slab) : dataset.Read<T>(slab, memoryDims: [(ulong)count]));
    }

    private T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error)
        {
            throw Damaged(path, error);
        }
    }

    private IH5Dataset Column(string name)
    {
        var dataset = Dataset(name);
        return dataset.Space.Dimensions switch
        {
            [var rows] when rows == (ulong)RowCount => dataset,
            [var rows, 1] when rows == (ulong)RowCount => dataset,
            _ => throw Wrong(name, Describe(dataset), $"[{RowCount}, 1], as many rows as '{Images}'"),
        };
    }

    private IH5Dataset Dataset(string name)
    {
        if (!file.LinkExists(name))
            throw KaleidoException.Usage($"'{path}' has no dataset '{name}'; found {string.Join(", ", file.Children().Select(c => c.Name).Order(StringComparer.Ordinal))}. It is no Fashion-Gen file.");
        var dataset = file.Dataset(name);
        if (Chunk(dataset) is { } chunk && chunk.Aggregate((double)dataset.Type.Size, (bytes, length) => bytes * length) > MaxChunkBytes)
            throw Wrong(name, $"stored in chunks [{string.Join(", ", chunk)}] of {dataset.Type.Size} bytes each", $"chunks of at most {MaxChunkBytes:N0} bytes");
        return dataset;
    }

    /// <summary>Extent of a chunk; null where there are none, or where the library does not tell (it knows those of older layouts).</summary>
    private static ulong[]? Chunk(IH5Dataset dataset)
    {
        try
        {
            return dataset.Layout.Class == H5DataLayoutClass.Chunked ? dataset.Layout.Chunks : null;
        }
        catch (InvalidCastException)
        {
            return null;
        }
    }

    private KaleidoException Wrong(string name, string found, string expected)
        => KaleidoException.Usage($"Dataset '{name}' of '{path}' is {found}; expected {expected}. It is no Fashion-Gen file.");

    /// <summary>The library reports damage by whatever it trips over.</summary>
    private static KaleidoException Damaged(string path, Exception error)
        => KaleidoException.Usage($"'{path}' cannot be read as HDF5 ({error.Message.TrimEnd('.')}); expected a whole file, compressed with gzip if at all. Copy or download it again, or repack it with 'h5repack -f GZIP=4'.", error);

    private static string Describe(IH5Dataset dataset) => $"{dataset.Type.Class} of {dataset.Type.Size} bytes [{string.Join(", ", dataset.Space.Dimensions)}]";
}

/// <summary>A column that is read in parts.</summary>
/// <param name="Read">Values of so many rows from this one on.</param>
internal sealed record FashionGenColumn<T>(Func<int, int, T[]> Read);
