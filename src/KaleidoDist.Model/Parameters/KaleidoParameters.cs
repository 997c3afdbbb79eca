using System.Runtime.InteropServices;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// The parameters of one model replica: one flat buffer of weights, one of gradients, and a leaf tensor per parameter that is a
/// view of both. So an all-reduce, a norm, an optimizer step and a checkpoint each work on one tensor, without copies.
/// Owned by the rank thread; must be created outside any dispose scope that ends before it.
/// </summary>
public sealed class KaleidoParameters : IDisposable
{
    private const int BlockLength = 1 << 16;
    private readonly Dictionary<string, Tensor> leaves = new(StringComparer.Ordinal);

    /// <summary>Allocates zeroed parameters for a model on a device.</summary>
    /// <exception cref="KaleidoException">The sizes do not fit together.</exception>
    public KaleidoParameters(ModelConfig config, Device? device = null)
    {
        Config = config;
        Layout = KaleidoLayout.Of(config);
        Weights = zeros(Layout.Length, dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
        Gradients = zeros(Layout.Length, dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
        foreach (var slot in Layout.Slots)
            leaves.Add(slot.Name, Leaf(slot.Offset, [.. slot.Shape]));
    }

    /// <summary>Sizes of the model.</summary>
    public ModelConfig Config { get; }

    /// <summary>Where each parameter lies in <see cref="Weights"/> and <see cref="Gradients"/>.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>[<see cref="ParameterLayout.Length"/>] float32, all weights; padding is zero.</summary>
    public Tensor Weights { get; }

    /// <summary>[<see cref="ParameterLayout.Length"/>] float32; backward passes add into it.</summary>
    public Tensor Gradients { get; }

    /// <summary>Where the parameters live.</summary>
    public Device Device => Weights.device;

    /// <summary>The leaf tensor of a parameter, a view of <see cref="Weights"/> whose <c>grad</c> is a view of <see cref="Gradients"/>.</summary>
    public Tensor this[string name] => leaves[name];

    /// <summary>The part of <see cref="Gradients"/> that belongs to a parameter, in its shape.</summary>
    internal Tensor GradientOf(string name)
    {
        var slot = Layout[name];
        var key = $"{name}.gradient";
        if (!leaves.TryGetValue(key, out var gradient))
            leaves.Add(key, gradient = View(Gradients, slot.Offset, [.. slot.Shape]));
        return gradient;
    }

    /// <summary>
    /// Sets the weights a training starts from: truncated normal (KALEIDO-BERT section 1.1), biases zero except those of query, key
    /// and value (section 1.6), LayerNorms the identity. A pure function of seed and layout: no device, thread or libtorch matters.
    /// </summary>
    public void Initialize(ulong seed)
    {
        var onCpu = Weights.device_type == DeviceType.CPU;
        using var staging = onCpu ? Weights.alias() : zeros(Layout.Length, dtype: ScalarType.Float32);
        for (var index = 0; index < Layout.Slots.Count; index++)
        {
            var slot = Layout.Slots[index];
            using var values = staging.narrow(0, slot.Offset, slot.Count);
            if (slot.Name.EndsWith("LayerNorm.weight", StringComparison.Ordinal))
                values.Fill(1);
            else if (slot.Decay || slot.Name.Contains(".attention.self.", StringComparison.Ordinal))
                FillNormal(values, seed, (ulong)index);
            else
                values.zero_();
        }

        if (!onCpu)
            Weights.copy_(staging);
    }

    /// <summary>Sets all gradients to zero, before the first leaf of a step.</summary>
    public void ZeroGradients()
    {
        // In-place operations return a new handle of their tensor; outside a scope it would wait for the finalizer.
        using var handle = Gradients.zero_();
    }

    /// <summary>A leaf over neighbouring parameters, used by one kernel together: [<paramref name="shape"/>] from the first's start.</summary>
    internal Tensor Span(string first, string last, params long[] shape)
    {
        TensorSlot start = Layout[first], end = Layout[last];
        var name = $"{first}..{last}";
        if (leaves.TryGetValue(name, out var span))
            return span;
        var count = shape.Aggregate(1L, (product, size) => product * size);
        if (end.Offset + end.Count - start.Offset != count)
            throw new InvalidOperationException($"Parameters '{first}' to '{last}' span {end.Offset + end.Count - start.Offset} numbers; expected {count}.");
        span = Leaf(start.Offset, shape);
        leaves.Add(name, span);
        return span;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in leaves.Values)
            leaf.Dispose();
        Weights.Dispose();
        Gradients.Dispose();
    }

    private Tensor Leaf(long offset, long[] shape)
    {
        using var gradient = View(Gradients, offset, shape);
        var leaf = View(Weights, offset, shape);
        leaf.requires_grad_(true);
        leaf.grad = gradient;
        return leaf;
    }

    private static Tensor View(Tensor buffer, long offset, long[] shape)
    {
        using var scope = NewDisposeScope();
        return buffer.narrow(0, offset, shape.Aggregate(1L, (product, size) => product * size)).view(shape).DetachFromDisposeScope();
    }

    private void FillNormal(Tensor values, ulong seed, ulong index)
    {
        var length = (int)values.numel();
        Parallel.For(0, (length + BlockLength - 1) / BlockLength, block =>
        {
            var numbers = MemoryMarshal.Cast<byte, float>(values.bytes);
            var start = block * BlockLength;
            var random = new KeyedRandom(seed, RandomPurpose.Initialization, index, (ulong)block);
            TruncatedNormal.Fill(numbers[start..Math.Min(start + BlockLength, length)], Config.InitializerRange, ref random);
        });
    }
}
