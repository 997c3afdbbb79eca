using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A small model in native memory: a few tensors of floats made from a seed.</summary>
internal sealed class NativeTensors : IDisposable
{
    public static readonly (string Name, long[] Shape)[] Form =
    [
        ("encoder.layer.10.weight", [8, 5]),
        ("encoder.layer.2.weight", [4, 3, 2]),
        ("bert.embeddings.weight", [30, 4]),
        ("Zeta.bias", [7]),
        ("scale", []),
        ("empty", [0, 4]),
    ];

    private readonly List<(string Name, TensorType Type, long[] Shape, nint Address, int Bytes)> tensors = [];

    public NativeTensors((string Name, long[] Shape)[]? form = null, TensorType type = TensorType.F32)
    {
        foreach (var (name, shape) in form ?? Form)
            Add(name, type, shape);
    }

    public static NativeTensors Seeded(int seed, (string Name, long[] Shape)[]? form = null)
    {
        var result = new NativeTensors(form);
        var random = new Random(seed);
        foreach (var tensor in result.tensors)
        {
            var bytes = new byte[tensor.Bytes];
            random.NextBytes(bytes);
            Marshal.Copy(bytes, 0, tensor.Address, bytes.Length);
        }

        return result;
    }

    public IReadOnlyList<TensorSource> Sources => [.. tensors.Select(t => new TensorSource(t.Name, t.Type, t.Shape, t.Address, t.Bytes))];

    public IReadOnlyList<TensorDestination> Destinations => [.. tensors.Select(t => new TensorDestination(t.Name, t.Type, t.Shape, t.Address, t.Bytes))];

    public NativeTensors Add(string name, TensorType type, long[] shape)
    {
        var bytes = (int)TensorTypes.Bytes(type, shape);
        var address = Marshal.AllocHGlobal(Math.Max(bytes, 1));
        Marshal.Copy(new byte[bytes], 0, address, bytes);
        tensors.Add((name, type, shape, address, bytes));
        return this;
    }

    public byte[] Bytes(string name)
    {
        var tensor = tensors.Single(t => t.Name == name);
        var bytes = new byte[tensor.Bytes];
        Marshal.Copy(tensor.Address, bytes, 0, bytes.Length);
        return bytes;
    }

    public byte[] AllBytes() => [.. tensors.SelectMany(t => Bytes(t.Name))];

    public void Dispose()
    {
        foreach (var tensor in tensors)
            Marshal.FreeHGlobal(tensor.Address);
        tensors.Clear();
    }
}
