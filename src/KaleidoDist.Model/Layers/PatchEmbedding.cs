using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace KaleidoDist.Model;

/// <summary>
/// The levels of patches as tokens (KALEIDO-BERT section 1.4): a projection, a type and a LayerNorm of each level's own, and a
/// projection of the position numbers that all levels share. Types and LayerNorms of all patches are applied at once.
/// </summary>
internal sealed class PatchEmbedding
{
    private readonly ModelConfig config;
    private readonly MatrixProducts products;
    private readonly Tensor[] projections;
    private readonly Tensor types, positionProjection;
    private readonly Tensor norms;
    private readonly Tensor levelOfPatch, typeOfPatch;

    /// <summary>Binds the parameters.</summary>
    public PatchEmbedding(KaleidoParameters parameters, MatrixProducts products)
    {
        this.products = products;
        config = parameters.Config;
        var count = config.Patches.Levels.Length;
        var levels = Enumerable.Range(1, count).ToArray();
        projections = [.. levels.Select(level => parameters[$"bert.patch_embeddings.{level}.projection.weight"])];
        types = parameters["bert.patch_embeddings.type_embeddings.weight"];
        positionProjection = parameters["bert.patch_embeddings.position_projection.weight"];
        norms = parameters.Span("bert.patch_embeddings.1.LayerNorm.weight", $"bert.patch_embeddings.{count}.LayerNorm.bias", count, 2, config.HiddenSize);
        var level = levels.SelectMany(l => Enumerable.Repeat((long)l, config.Patches.Levels[l - 1].Count)).ToArray();
        typeOfPatch = tensor(level, device: parameters.Device).DetachFromDisposeScope();
        levelOfPatch = tensor([.. level.Select(l => l - 1)], device: parameters.Device).DetachFromDisposeScope();
    }

    /// <summary>[B, P, F] features and [B, P, 5] positions to [B, P, H].</summary>
    public Tensor Forward(Tensor features, Tensor positions, bool training)
    {
        var dropout = new Dropout(config.HiddenDropout, training);
        var dropped = dropout.Apply(features);
        var projected = cat([.. projections.Select((weight, i) => products.Linear(dropped.narrow(1, config.Patches.Levels[i].Offset, config.Patches.Levels[i].Count), weight))], 1);
        var sum = projected.Plus(types.index_select(0, typeOfPatch)).Plus(functional.linear(positions, positionProjection));
        var norm = norms.index_select(0, levelOfPatch).unbind(1);
        return dropout.Apply((Norm.Apply(sum) * norm[0]).Plus(norm[1]));
    }
}
