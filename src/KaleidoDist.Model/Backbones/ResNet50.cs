using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace KaleidoDist.Model;

/// <summary>
/// A frozen ResNet-50 up to its global average pool: pictures to vectors of 2048 numbers, none negative. As torchvision computes it in
/// evaluation mode: stride in the 3x3 convolution of a block, BatchNorm with its running statistics, which are folded into the
/// convolution before them. The rank thread owns it; must be created outside any dispose scope that ends before it.
/// </summary>
public sealed class ResNet50 : IDisposable
{
    // torchvision's BatchNorm.
    private const double Epsilon = 1e-5;

    // Mean and deviation of ImageNet's red, green and blue in [0, 1].
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] Deviation = [0.229f, 0.224f, 0.225f];

    private readonly Dictionary<string, (Tensor Weight, Tensor Bias)> convolutions = new(StringComparer.Ordinal);
    private readonly Tensor mean;
    private readonly Tensor deviation;

    /// <summary>Prepares the network; the weights stay the caller's and are not needed any more.</summary>
    public ResNet50(ResNet50Weights weights, Device device)
    {
        using var noGradients = no_grad();
        Fold(weights, "conv1", "bn1", device);
        foreach (var block in ResNet50Layout.Stages.SelectMany(ResNet50Layout.Blocks))
        {
            for (var i = 1; i <= 3; i++)
                Fold(weights, $"{block}.conv{i}", $"{block}.bn{i}", device);
            if (ResNet50Weights.Layout.Contains($"{block}.downsample.0.weight"))
                Fold(weights, $"{block}.downsample.0", $"{block}.downsample.1", device);
        }

        mean = from_array(Mean).reshape(1, 3, 1, 1).to(device).DetachFromDisposeScope();
        deviation = from_array(Deviation).reshape(1, 3, 1, 1).to(device).DetachFromDisposeScope();
    }

    /// <summary>[B, 3, S, S] red, green and blue in [0, 1], S at least 32, to [B, 2048], both float32. The caller's scope owns the result.</summary>
    public Tensor Forward(Tensor pixels) => Stages(pixels)[^1].mean([2, 3]);

    /// <summary>What the stem and the four stages yield.</summary>
    internal IReadOnlyList<Tensor> Stages(Tensor pixels)
    {
        using var noGradients = no_grad();
        var stem = Convolve((pixels - mean) / deviation, "conv1", stride: 2, padding: 3).relu();
        var outputs = new List<Tensor> { functional.max_pool2d(stem, 3, stride: 2, padding: 1) };
        foreach (var stage in ResNet50Layout.Stages)
        {
            var hidden = outputs[^1];
            foreach (var (index, block) in ResNet50Layout.Blocks(stage).Index())
                hidden = Bottleneck(hidden, block, stride: stage > 1 && index == 0 ? 2 : 1);
            outputs.Add(hidden);
        }

        return outputs;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (weight, bias) in convolutions.Values)
        {
            weight.Dispose();
            bias.Dispose();
        }

        mean.Dispose();
        deviation.Dispose();
    }

    private Tensor Bottleneck(Tensor input, string name, long stride)
    {
        using var scope = NewDisposeScope();
        var narrow = Convolve(input, $"{name}.conv1", 1, 0).relu_();
        var middle = Convolve(narrow, $"{name}.conv2", stride, 1).relu_();
        var branch = Convolve(middle, $"{name}.conv3", 1, 0);
        var shortcut = convolutions.ContainsKey($"{name}.downsample.0") ? Convolve(input, $"{name}.downsample.0", stride, 0) : input;
        return branch.Add(shortcut).relu_().MoveToOuterDisposeScope();
    }

    private Tensor Convolve(Tensor input, string name, long stride, long padding)
    {
        var (weight, bias) = convolutions[name];
        return functional.conv2d(input, weight, bias, strides: [stride, stride], padding: [padding, padding]);
    }

    /// <summary>gamma * (W x - mean) / sqrt(var + epsilon) + beta is one convolution: its weights and bias.</summary>
    private void Fold(ResNet50Weights weights, string convolution, string norm, Device device)
    {
        using var scope = NewDisposeScope();
        var scale = weights.Get($"{norm}.weight") / weights.Get($"{norm}.running_var").Plus(Epsilon).sqrt();
        var folded = weights.Get($"{convolution}.weight") * scale.reshape(-1, 1, 1, 1);
        var bias = weights.Get($"{norm}.bias") - weights.Get($"{norm}.running_mean") * scale;
        convolutions.Add(convolution, (folded.to(device).DetachFromDisposeScope(), bias.to(device).DetachFromDisposeScope()));
    }
}
