using KaleidoDist.Collectives;

namespace KaleidoDist.Training.Tests;

/// <summary>A group whose reduced gradients are not numbers in some steps.</summary>
internal sealed class PoisonedCollective(ICollective inner, Func<int, bool> isPoisoned) : ForwardingCollective(inner)
{
    private int step;

    public override void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        base.AllReduce(partials, result);
        if (result.Count > TaskSums.Length && isPoisoned(++step))
            result.AsSpan()[0] = float.NaN;
    }
}
