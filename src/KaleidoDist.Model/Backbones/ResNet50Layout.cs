using KaleidoDist.Contracts;

namespace KaleidoDist.Model;

/// <summary>
/// The tensors of a ResNet-50 (He et al., CVPR 2016, table 1) under the names torchvision gives them. Its classifier (<c>fc.*</c>) and
/// the counters of its BatchNorms are not among them: a backbone has no use for them.
/// </summary>
public static class ResNet50Layout
{
    /// <summary>Width of a picture's vector.</summary>
    public const int FeatureSize = 2048;

    /// <summary>Channels of the first convolution.</summary>
    internal const int StemWidth = 64;

    /// <summary>A block's output is this many times as wide as its middle.</summary>
    internal const int Expansion = 4;

    /// <summary>The BatchNorm that ends a block's branch.</summary>
    internal const string LastNorm = ".bn3.weight";

    private static readonly int[] BlockCounts = [3, 4, 6, 3];

    /// <summary>Every tensor, in the order of the forward pass.</summary>
    public static ParameterLayout Tensors { get; } = new(Names().Select(t => (t.Name, t.Shape, Decay: false)));

    /// <summary>The blocks of a stage.</summary>
    /// <param name="stage">1..4.</param>
    internal static IEnumerable<string> Blocks(int stage) => Enumerable.Range(0, BlockCounts[stage - 1]).Select(block => $"layer{stage}.{block}");

    /// <summary>Stages of the network.</summary>
    internal static IEnumerable<int> Stages => Enumerable.Range(1, BlockCounts.Length);

    private static IEnumerable<(string Name, long[] Shape)> Names()
    {
        IEnumerable<(string, long[])> tensors = [("conv1.weight", [StemWidth, 3, 7, 7]), .. BatchNorm("bn1", StemWidth)];
        long input = StemWidth;
        foreach (var stage in Stages)
        {
            var width = (long)StemWidth << (stage - 1);
            foreach (var (index, block) in Blocks(stage).Index())
            {
                tensors = tensors.Concat(Bottleneck(block, input, width, hasShortcut: index == 0));
                input = width * Expansion;
            }
        }

        return tensors;
    }

    private static IEnumerable<(string, long[])> Bottleneck(string name, long input, long width, bool hasShortcut) =>
    [
        ($"{name}.conv1.weight", [width, input, 1, 1]), .. BatchNorm($"{name}.bn1", width),
        ($"{name}.conv2.weight", [width, width, 3, 3]), .. BatchNorm($"{name}.bn2", width),
        ($"{name}.conv3.weight", [width * Expansion, width, 1, 1]), .. BatchNorm($"{name}.bn3", width * Expansion),
        .. hasShortcut
            ? (IEnumerable<(string, long[])>)[($"{name}.downsample.0.weight", [width * Expansion, input, 1, 1]), .. BatchNorm($"{name}.downsample.1", width * Expansion)]
            : [],
    ];

    private static IEnumerable<(string, long[])> BatchNorm(string name, long width)
        => [($"{name}.weight", [width]), ($"{name}.bias", [width]), ($"{name}.running_mean", [width]), ($"{name}.running_var", [width])];
}
