using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>Room in native memory for the tensors of safetensors headers, to read them into and write them from. Freed when disposed.</summary>
internal sealed class NativeTensorBuffer : IDisposable
{
    private readonly List<(SafetensorsEntry Entry, nint Address)> tensors = [];

    /// <summary>Where to read to.</summary>
    internal IReadOnlyList<TensorDestination> Destinations => [.. tensors.Select(t => new TensorDestination(t.Entry.Name, t.Entry.Type, t.Entry.Shape, t.Address, t.Entry.Bytes))];

    /// <summary>What was read.</summary>
    internal IReadOnlyList<TensorSource> Sources => [.. tensors.Select(t => new TensorSource(t.Entry.Name, t.Entry.Type, t.Entry.Shape, t.Address, t.Entry.Bytes))];

    /// <summary>Makes room for a tensor.</summary>
    internal void Add(SafetensorsEntry entry) => tensors.Add((entry, Marshal.AllocHGlobal((nint)Math.Max(entry.Bytes, 1))));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, address) in tensors)
            Marshal.FreeHGlobal(address);
        tensors.Clear();
    }
}
