using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>One post-LN transformer block (KALEIDO-BERT section 1.6).</summary>
internal sealed class EncoderLayer
{
    private readonly ModelConfig config;
    private readonly MatrixProducts products;
    private readonly Tensor selfWeight, selfBias;
    private readonly Tensor attentionWeight, attentionBias, attentionNormWeight, attentionNormBias;
    private readonly Tensor intermediateWeight, intermediateBias;
    private readonly Tensor outputWeight, outputBias, outputNormWeight, outputNormBias;

    /// <summary>Binds the block's parameters.</summary>
    public EncoderLayer(KaleidoParameters parameters, MatrixProducts products, int index)
    {
        this.products = products;
        config = parameters.Config;
        var name = $"bert.encoder.layer.{index}";
        long hidden = config.HiddenSize;
        selfWeight = parameters.Span($"{name}.attention.self.query.weight", $"{name}.attention.self.value.weight", 3 * hidden, hidden);
        selfBias = parameters.Span($"{name}.attention.self.query.bias", $"{name}.attention.self.value.bias", 3 * hidden);
        attentionWeight = parameters[$"{name}.attention.output.dense.weight"];
        attentionBias = parameters[$"{name}.attention.output.dense.bias"];
        attentionNormWeight = parameters[$"{name}.attention.output.LayerNorm.weight"];
        attentionNormBias = parameters[$"{name}.attention.output.LayerNorm.bias"];
        intermediateWeight = parameters[$"{name}.intermediate.dense.weight"];
        intermediateBias = parameters[$"{name}.intermediate.dense.bias"];
        outputWeight = parameters[$"{name}.output.dense.weight"];
        outputBias = parameters[$"{name}.output.dense.bias"];
        outputNormWeight = parameters[$"{name}.output.LayerNorm.weight"];
        outputNormBias = parameters[$"{name}.output.LayerNorm.bias"];
    }

    /// <summary>[B, S, H] to [B, S, H]; <paramref name="mask"/> is added to the attention scores.</summary>
    public Tensor Forward(Tensor hidden, Tensor mask, bool training)
    {
        var dropout = new Dropout(config.HiddenDropout, training);
        var attended = products.Linear(Attend(hidden, mask, training), attentionWeight, attentionBias);
        var middle = Norm.Apply(hidden.Plus(dropout.Apply(attended)), attentionNormWeight, attentionNormBias);
        var wide = Activation.Gelu(products.Linear(middle, intermediateWeight, intermediateBias));
        var output = products.Linear(wide, outputWeight, outputBias);
        return Norm.Apply(middle.Plus(dropout.Apply(output)), outputNormWeight, outputNormBias);
    }

    private Tensor Attend(Tensor hidden, Tensor mask, bool training)
    {
        long samples = hidden.shape[0], tokens = hidden.shape[1], heads = config.HeadCount;
        var parts = products.Linear(hidden, selfWeight, selfBias)
            .view(samples, tokens, 3, heads, config.HiddenSize / heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0);
        var rate = new Dropout(config.AttentionDropout, training).Active;
        return products.Attend(parts[0], parts[1], parts[2], mask, rate)
            .transpose(1, 2)
            .reshape(samples, tokens, config.HiddenSize);
    }
}
