using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Hidden states times the transposed word embeddings plus a bias; backward adds into the table's gradient in place.</summary>
internal sealed class TiedDecoder : autograd.SingleTensorFunction<TiedDecoder>
{
    /// <inheritdoc/>
    public override string Name => nameof(TiedDecoder);

    /// <summary>Forward: (table, hidden [n, H]) to logits [n, V].</summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (table, hidden) = ((SharedTable)vars[0], (Tensor)vars[1]);
        ctx.save_data(nameof(SharedTable), table);
        ctx.save_for_backward([hidden]);
        return table.Products.Linear(hidden, table.Weight, table.Bias);
    }

    /// <summary>Backward: the gradient of the hidden states.</summary>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var table = (SharedTable)ctx.get_data(nameof(SharedTable));
        using var noGrad = no_grad();
        using (Tensor transposed = grad_output.t(), hidden = ctx.get_saved_variables()[0])
            table.Products.AddProduct(table.WeightGradient, transposed, hidden);
        using (var sum = grad_output.sum(dim: 0))
            table.BiasGradient.Add(sum);
        var gradient = table.HandOver(table.Products.Multiply(grad_output, table.Weight));
        GC.KeepAlive(grad_output); // nobody else has it
        return [null!, gradient];
    }
}
