using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Rows of a <see cref="SharedTable"/>; backward adds to the touched rows of its gradient only.</summary>
internal sealed class RowLookup : autograd.SingleTensorFunction<RowLookup>
{
    /// <inheritdoc/>
    public override string Name => nameof(RowLookup);

    /// <summary>Forward: (table, its weight, ids [n]) to rows [n, H].</summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (table, ids) = ((SharedTable)vars[0], (Tensor)vars[2]);
        ctx.save_data(nameof(SharedTable), table);
        ctx.save_for_backward([ids]);
        return table.Weight.index_select(0, ids);
    }

    /// <summary>Backward: rows of equal ids are added in their order, so the sum is always the same.</summary>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var table = (SharedTable)ctx.get_data(nameof(SharedTable));
        using (no_grad())
        using (var ids = ctx.get_saved_variables()[0])
            table.WeightGradient.index_add_(0, ids, grad_output, Numbers.One);
        GC.KeepAlive(grad_output); // nobody else has it
        return [null!, null!, null!];
    }
}
