using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text.Json;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class SafetensorsRoundTripTests
{
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt", ["step"] = "7" };

    [Fact]
    public void EveryTensorComesBackAndTheHashIsThatOfTheFile()
    {
        using var folder = new TemporaryFolder();
        using var written = NativeTensors.Seeded(1);
        var file = SafetensorsWriter.Write(PosixStorage.Instance, folder["m.safetensors"], written.Sources, Metadata);
        using var read = new NativeTensors();

        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["m.safetensors"])!);
        var hash = reader.ReadAll(read.Destinations.ToDictionary(d => d.Name, d => d.Address));

        Assert.Equal(written.AllBytes(), read.AllBytes());
        var bytes = File.ReadAllBytes(folder["m.safetensors"]);
        Assert.Equal(("m.safetensors", bytes.Length, Convert.ToHexStringLower(XxHash128.Hash(bytes)), 6), (file.Name, file.Bytes, file.Xxh128, file.Tensors));
        Assert.Equal(file.Xxh128, hash);
        Assert.Equal(Metadata, reader.Header.Metadata);
        Assert.Equal(bytes.Length, SafetensorsWriter.SizeOf(written.Sources, Metadata));
    }

    [Fact]
    public void AnIndependentReaderFindsEveryTensor()
    {
        using var folder = new TemporaryFolder();
        using var tensors = NativeTensors.Seeded(2);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], tensors.Sources, Metadata);

        // The format as its specification has it, read without any of our code.
        var file = File.ReadAllBytes(folder["m"]);
        var headerLength = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        Assert.Equal((byte)'{', file[8]);
        Assert.Equal(0, (8 + headerLength) % 4096);
        using var header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        var found = new Dictionary<string, byte[]>();
        long end = 0;
        foreach (var tensor in header.RootElement.EnumerateObject().Where(t => t.Name != "__metadata__"))
        {
            Assert.Equal("F32", tensor.Value.GetProperty("dtype").GetString());
            var offsets = tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64()).ToArray();
            var count = tensor.Value.GetProperty("shape").EnumerateArray().Aggregate(1L, (product, size) => product * size.GetInt64());
            Assert.Equal((end, count * 4), (offsets[0], offsets[1] - offsets[0]));
            end = offsets[1];
            found[tensor.Name] = file[(8 + headerLength + (int)offsets[0])..(8 + headerLength + (int)end)];
        }

        Assert.Equal(file.Length, 8 + headerLength + end);
        Assert.Equal(["Zeta.bias", "bert.embeddings.weight", "empty", "encoder.layer.10.weight", "encoder.layer.2.weight", "scale"], found.Keys);
        Assert.All(found, tensor => Assert.Equal(tensors.Bytes(tensor.Key), tensor.Value));
    }

    [Fact]
    public void WiderTypesComeFirstSoThatEveryTensorIsAligned()
    {
        using var folder = new TemporaryFolder();
        using var tensors = new NativeTensors([]);
        tensors.Add("a", TensorType.U8, [3]).Add("b", TensorType.BF16, [5]).Add("c", TensorType.F64, [2]).Add("d", TensorType.F32, [1])
            .Add("e", TensorType.I64, [1]).Add("f", TensorType.Bool, [1]).Add("g", TensorType.F16, [1]).Add("h", TensorType.I32, [2]);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], tensors.Sources, Metadata);

        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["m"])!);

        Assert.Equal(["c", "e", "d", "h", "b", "g", "a", "f"], reader.Header.Entries.Select(e => e.Name));
        Assert.All(reader.Header.Entries, e => Assert.Equal(0, e.Offset % TensorTypes.ElementBytes(e.Type)));
    }

    [Fact]
    public void TensorsNobodyAskedForAreSkippedButHashed()
    {
        using var folder = new TemporaryFolder();
        using var tensors = NativeTensors.Seeded(3);
        var file = SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], tensors.Sources, Metadata);
        using var read = new NativeTensors([("scale", [])]);

        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["m"])!);

        Assert.Equal(file.Xxh128, reader.ReadAll(new Dictionary<string, nint> { ["scale"] = read.Destinations[0].Address }));
        Assert.Equal(tensors.Bytes("scale"), read.Bytes("scale"));
    }

    [Fact]
    public void ATensorLongerThanAChunkIsWhole()
    {
        using var folder = new TemporaryFolder();
        using var written = new NativeTensors([("w", [SafetensorsWriter.ChunkBytes / 2 + 3])]);
        System.Runtime.InteropServices.Marshal.WriteByte(written.Destinations[0].Address, SafetensorsWriter.ChunkBytes + 1, 0xAB);
        var file = SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], written.Sources, Metadata);
        using var read = new NativeTensors([("w", [SafetensorsWriter.ChunkBytes / 2 + 3])]);

        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["m"])!);

        Assert.Equal(file.Xxh128, reader.ReadAll(new Dictionary<string, nint> { ["w"] = read.Destinations[0].Address }));
        Assert.Equal(written.Bytes("w"), read.Bytes("w"));
    }

    [Fact]
    public void ATensorWhoseSizeIsNotItsShapesIsRefusedBeforeAnyFileIsMade()
    {
        using var folder = new TemporaryFolder();
        using var tensors = new NativeTensors([("w", [2])]);
        var wrong = tensors.Sources[0] with { Bytes = 12 };
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], [wrong], Metadata));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(PosixStorage.Instance, folder["m"], [tensors.Sources[0], tensors.Sources[0]], Metadata));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void WeightsHashIsOverBytesInOrdinalNameOrderOnly()
    {
        using var tensors = NativeTensors.Seeded(4);
        string[] ordinal = ["Zeta.bias", "bert.embeddings.weight", "empty", "encoder.layer.10.weight", "encoder.layer.2.weight", "scale"];
        var expected = Convert.ToHexStringLower(XxHash128.Hash([.. ordinal.SelectMany(tensors.Bytes)]));
        Assert.Equal(expected, WeightsHash.Compute(tensors.Sources));
        Assert.Equal(expected, WeightsHash.Compute(tensors.Sources.Reverse()));
        Assert.Equal("99aa06d3014798d86001c324468d497f", WeightsHash.Compute([]));
    }

    [Fact]
    public void ModelHashDependsOnNamesTypesAndShapesAlone()
    {
        using var one = NativeTensors.Seeded(5);
        using var other = NativeTensors.Seeded(6);
        using var half = new NativeTensors(type: TensorType.BF16);
        Assert.Equal(ModelHash.Compute(one.Sources), ModelHash.Compute(other.Sources.Reverse()));
        Assert.NotEqual(ModelHash.Compute(one.Sources), ModelHash.Compute(half.Sources));
        Assert.NotEqual(ModelHash.Compute(one.Sources), ModelHash.Compute(one.Sources.Skip(1)));
    }
}
