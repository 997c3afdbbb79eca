using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace KaleidoDist.TestKit;

/// <summary>Golden vectors in a safetensors file, read whole. For tests only: trusts its input.</summary>
public sealed class GoldenTensors
{
    private readonly byte[] file;
    private readonly int dataStart;
    private readonly Dictionary<string, JsonElement> header;

    public GoldenTensors(string path)
    {
        file = File.ReadAllBytes(path);
        var headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        dataStart = sizeof(long) + headerLength;
        header = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(file.AsSpan(sizeof(long), headerLength))!;
    }

    public IEnumerable<string> Names(string prefix) => header.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    public long[] Shape(string name) => [.. header[name].GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];

    public float[] Floats(string name) => Values<float>(name, "F32");

    public double[] Doubles(string name) => Values<double>(name, "F64");

    public long[] Longs(string name) => Values<long>(name, "I64");

    private T[] Values<T>(string name, string type)
        where T : unmanaged
    {
        var entry = header[name];
        if (entry.GetProperty("dtype").GetString() != type)
            throw new InvalidDataException($"'{name}' is {entry.GetProperty("dtype")}; expected {type}.");
        var range = entry.GetProperty("data_offsets");
        int start = range[0].GetInt32(), end = range[1].GetInt32();
        return MemoryMarshal.Cast<byte, T>(file.AsSpan(dataStart + start, end - start)).ToArray();
    }
}
