namespace KaleidoDist.Collectives;

/// <summary>The host's own memory, handed out by <paramref name="allocate"/>.</summary>
internal sealed class HostMemory(Func<long, NativeBuffer> allocate) : IFloatMemory
{
    /// <inheritdoc/>
    public IDisposable Allocate(long count, out FloatRange values)
    {
        var buffer = allocate(count);
        values = buffer.Floats;
        return buffer;
    }

    /// <inheritdoc/>
    public bool Contains(FloatRange range) => true;

    /// <inheritdoc/>
    public void Add(FloatRange left, FloatRange right, FloatRange destination) => FloatRange.Add(left, right, destination);

    /// <inheritdoc/>
    public void Copy(FloatRange source, FloatRange destination) => source.CopyTo(destination);
}
