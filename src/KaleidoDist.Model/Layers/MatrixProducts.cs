using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace KaleidoDist.Model;

/// <summary>
/// The products of matrices, which are nearly all of the model's work, in the precision of the job. With bfloat16 both factors are rounded
/// to it and the product too; everything else (sums with biases and residuals, LayerNorms, activations, losses), the weights, and the gradients that micro-batches
/// add up stay float32. Factors and results are float32 either way, so layers read the same; the casts are explicit, nothing is decided by an operator list.
/// </summary>
internal readonly record struct MatrixProducts(Precision Precision)
{
    private bool IsFull => Precision == Precision.F32;

    /// <summary>[.., I] times the transpose of [O, I], plus a bias.</summary>
    public Tensor Linear(Tensor input, Tensor weight, Tensor? bias = null)
    {
        if (IsFull)
            return functional.linear(input, weight, bias);
        var product = Wide(functional.linear(Narrow(input), Narrow(weight)));
        return bias is null ? product : product.Plus(bias);
    }

    /// <summary>Attention of [B, heads, S, d] queries, keys and values; <paramref name="mask"/> is added to the scores.</summary>
    public Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor mask, double dropout) => IsFull
        ? functional.scaled_dot_product_attention(queries, keys, values, mask, dropout)
        : Wide(functional.scaled_dot_product_attention(Narrow(queries), Narrow(keys), Narrow(values), Narrow(mask), dropout));

    /// <summary>[M, K] times [K, N], in a backward pass, which has no dispose scope.</summary>
    public Tensor Multiply(Tensor left, Tensor right)
    {
        if (IsFull)
            return left.mm(right);
        using Tensor narrowLeft = Narrow(left), narrowRight = Narrow(right), product = narrowLeft.mm(narrowRight);
        return Wide(product);
    }

    /// <summary>Adds [M, K] times [K, N] to a float32 sum in place, in a backward pass.</summary>
    public void AddProduct(Tensor sum, Tensor left, Tensor right)
    {
        if (IsFull)
        {
            sum.addmm_(left, right);
            return;
        }

        using var product = Multiply(left, right);
        sum.Add(product);
    }

    private static Tensor Narrow(Tensor tensor) => tensor.to(ScalarType.BFloat16);

    private static Tensor Wide(Tensor tensor) => tensor.to(ScalarType.Float32);
}
