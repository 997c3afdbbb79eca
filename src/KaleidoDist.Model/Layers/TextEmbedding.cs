using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Words, positions and the text type (KALEIDO-BERT section 1.3).</summary>
internal sealed class TextEmbedding(KaleidoParameters parameters, SharedTable words)
{
    private readonly ModelConfig config = parameters.Config;
    private readonly Tensor positions = parameters["bert.embeddings.position_embeddings.weight"];
    private readonly Tensor types = parameters["bert.embeddings.token_type_embeddings.weight"];
    private readonly Tensor normWeight = parameters["bert.embeddings.LayerNorm.weight"];
    private readonly Tensor normBias = parameters["bert.embeddings.LayerNorm.bias"];

    /// <summary>[B, T] ids to [B, T, H].</summary>
    public Tensor Forward(Tensor ids, bool training)
    {
        long samples = ids.shape[0], tokens = ids.shape[1];
        var rows = words.Rows(ids.flatten()).view(samples, tokens, config.HiddenSize);
        var places = positions.narrow(0, 0, tokens).Plus(types.narrow(0, 0, 1));
        return new Dropout(config.HiddenDropout, training).Apply(Norm.Apply(rows.Plus(places), normWeight, normBias));
    }
}
