using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

/// <summary>Two decayed parameters of two and four numbers and a bias of three, with weights and gradients that anybody can write down.</summary>
internal sealed class ToyParameters : IDisposable
{
    public const double Rate = 0.01;
    private static readonly int[] Sizes = [2, 4, 3];

    public ToyParameters()
    {
        Weights = zeros(Layout.Length);
        Gradients = zeros(Layout.Length);
        Set(Weights, i => 0.5 * Math.Cos(i));
    }

    public ParameterLayout Layout { get; } = new([("a.weight", [2], true), ("b.weight", [4], true), ("a.bias", [3], false)]);

    public Tensor Weights { get; }

    public Tensor Gradients { get; }

    public static OptimizerSpec Spec(string name) => new() { Name = name, Beta1 = 0.9, Beta2 = 0.98, Epsilon = 1e-6, WeightDecay = 0.1 };

    public static double Gradient(int index, int step) => Math.Sin(index + (3.7 * step));

    public void SetGradients(int step) => Set(Gradients, i => Gradient(i, step));

    /// <summary>The nine numbers without padding.</summary>
    public double[] Values(Tensor flat) => [.. Layout.Slots.SelectMany(slot => flat.data<float>().Skip((int)slot.Offset).Take((int)slot.Count)).Select(value => (double)value)];

    /// <summary>The index of the slot that each of the nine numbers belongs to.</summary>
    public static IEnumerable<int> Slots => Sizes.SelectMany((size, slot) => Enumerable.Repeat(slot, size));

    public void Dispose()
    {
        Weights.Dispose();
        Gradients.Dispose();
    }

    private void Set(Tensor flat, Func<int, double> value)
    {
        var index = 0;
        foreach (var slot in Layout.Slots)
        {
            for (var i = slot.Offset; i < slot.Offset + slot.Count; i++)
                flat[i] = (float)value(index++);
        }
    }
}
