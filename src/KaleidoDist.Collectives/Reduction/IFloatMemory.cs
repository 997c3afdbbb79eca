namespace KaleidoDist.Collectives;

/// <summary>
/// Where float32 values lie, the memory of the rank's GPU or the host's, and the arithmetic of the reduction on them. Additions are IEEE single
/// precision, one by one, so the bits are the same everywhere. On a GPU all work goes onto the calling thread's current stream.
/// </summary>
internal interface IFloatMemory
{
    /// <summary>Allocates <paramref name="count"/> values; disposing of the answer gives them back.</summary>
    IDisposable Allocate(long count, out FloatRange values);

    /// <summary>Whether a range lies in this memory.</summary>
    bool Contains(FloatRange range);

    /// <summary>Writes the sum of two ranges to a third, which may be either of them.</summary>
    void Add(FloatRange left, FloatRange right, FloatRange destination);

    /// <summary>Copies a range to another of the same count.</summary>
    void Copy(FloatRange source, FloatRange destination);
}
