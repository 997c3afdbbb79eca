using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// The word embeddings, which the model reads twice: as rows on input and as the decoder of masked tokens. Their gradient is by far
/// the largest, [V, H], while a micro-batch touches few rows on input; left to autograd each use would allocate, zero and add a dense
/// [V, H]. Both uses add straight into the flat gradient buffer instead.
/// </summary>
/// <param name="Weight">[V, H] leaf.</param>
/// <param name="WeightGradient">[V, H] view of the gradient buffer.</param>
/// <param name="Bias">[V] leaf, the decoder's bias.</param>
/// <param name="BiasGradient">[V] view of the gradient buffer.</param>
/// <param name="Products">How the decoder multiplies.</param>
internal sealed record SharedTable(Tensor Weight, Tensor WeightGradient, Tensor Bias, Tensor BiasGradient, MatrixProducts Products)
{
    private Tensor? handedOver;

    /// <summary>Rows of the table: [n, H] for ids [n].</summary>
    public Tensor Rows(Tensor ids) => RowLookup.apply(this, Weight, ids);

    /// <summary>Logits of hidden states: [n, V] for [n, H].</summary>
    public Tensor Decode(Tensor hidden) => TiedDecoder.apply(this, hidden);

    /// <summary>
    /// Keeps what a backward pass returns until the next one does: libtorch takes a reference of its own only after the call, and on a thread without
    /// a dispose scope nobody else has one.
    /// </summary>
    public Tensor HandOver(Tensor gradient) => handedOver = gradient;
}
