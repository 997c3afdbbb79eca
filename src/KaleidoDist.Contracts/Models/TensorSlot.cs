namespace KaleidoDist.Contracts;

/// <summary>Where one parameter lives in the flat buffers of weights, gradients and moments.</summary>
/// <param name="Name">PyTorch state_dict name.</param>
/// <param name="Shape">Sizes, row-major.</param>
/// <param name="Offset">First element in the flat buffer; a multiple of 16 floats (64 bytes).</param>
/// <param name="Count">Elements.</param>
/// <param name="Decay">Whether weight decay applies (not to biases and LayerNorm).</param>
public sealed record TensorSlot(string Name, IReadOnlyList<long> Shape, long Offset, long Count, bool Decay);

/// <summary>
/// The order and place of all parameters in one flat buffer: the decayed ones first, then the others, so that the optimizer takes
/// two calls; every slot 64-byte aligned, so that kernels take the same path wherever a buffer lies.
/// </summary>
public sealed class ParameterLayout
{
    private const int AlignmentFloats = 16;
    private readonly Dictionary<string, TensorSlot> byName;

    /// <summary>Lays out parameters in their given order, the decayed ones first.</summary>
    public ParameterLayout(IEnumerable<(string Name, long[] Shape, bool Decay)> parameters)
    {
        var slots = new List<TensorSlot>();
        long offset = 0;
        foreach (var group in parameters.ToLookup(p => p.Decay).OrderByDescending(g => g.Key))
        {
            foreach (var (name, shape, decay) in group)
            {
                var count = shape.Aggregate(1L, (product, size) => checked(product * size));
                slots.Add(new TensorSlot(name, shape, offset, count, decay));
                offset = (offset + count + AlignmentFloats - 1) / AlignmentFloats * AlignmentFloats;
            }

            if (group.Key)
                DecayedLength = offset;
        }

        Slots = slots;
        Length = offset;
        ParameterCount = slots.Sum(s => s.Count);
        byName = slots.ToDictionary(s => s.Name, StringComparer.Ordinal);
    }

    /// <summary>All parameters in buffer order.</summary>
    public IReadOnlyList<TensorSlot> Slots { get; }

    /// <summary>Elements of the flat buffer, padding included (padding stays zero).</summary>
    public long Length { get; }

    /// <summary>Elements of the leading part to which weight decay applies.</summary>
    public long DecayedLength { get; }

    /// <summary>Trainable numbers, padding excluded.</summary>
    public long ParameterCount { get; }

    /// <summary>The slot of a parameter.</summary>
    public TensorSlot this[string name] => byName[name];

    /// <summary>Whether there is a parameter of this name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);
}
