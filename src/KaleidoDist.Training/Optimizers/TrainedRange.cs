using KaleidoDist.Contracts;
using KaleidoDist.Model;

namespace KaleidoDist.Training;

/// <summary>A part of the flat buffers that the optimizer updates in one call.</summary>
/// <param name="Start">First element.</param>
/// <param name="Length">Elements, padding included.</param>
/// <param name="Decay">Whether weight decay applies.</param>
internal readonly record struct TrainedRange(long Start, long Length, bool Decay)
{
    /// <summary>One past the last element.</summary>
    internal long End => Start + Length;

    /// <summary>The longest such parts that hold every parameter but the frozen ones; the whole buffer when none is.</summary>
    internal static IEnumerable<TrainedRange> Of(ParameterLayout layout, Func<TensorSlot, bool> isFrozen)
    {
        TrainedRange? open = null;
        foreach (var (slot, end) in Slots(layout))
        {
            if (open is { } range && !isFrozen(slot) && range.Decay == slot.Decay)
            {
                open = range with { Length = end - range.Start };
                continue;
            }

            if (open is { } done)
                yield return done;
            open = isFrozen(slot) ? null : new TrainedRange(slot.Offset, end - slot.Offset, slot.Decay);
        }

        if (open is { } last)
            yield return last;
    }

    /// <summary>The parts that <see cref="Of"/> leaves out.</summary>
    internal static IEnumerable<(long Start, long Length)> Frozen(ParameterLayout layout, Func<TensorSlot, bool> isFrozen)
        => Slots(layout).Where(s => isFrozen(s.Slot)).Select(s => (s.Slot.Offset, s.End - s.Slot.Offset));

    /// <summary>
    /// Whether a job leaves a parameter as it starts: those of the first layers and of the text embeddings below them, and the heads of tasks that are
    /// off. These have no gradient, and weight decay alone must not move them.
    /// </summary>
    internal static Func<TensorSlot, bool> FrozenBy(JobSpec spec)
    {
        PretrainTask[] off = [.. Enum.GetValues<PretrainTask>().Where(task => !spec.Training.Tasks.IsOn(task))];
        return slot => IsOfFirstLayers(slot.Name, spec.FrozenLayers) || Array.Exists(off, task => KaleidoLayout.IsHeadOf(task, slot.Name));
    }

    private static bool IsOfFirstLayers(string parameter, int count) => count > 0
        && (parameter.StartsWith("bert.embeddings.", StringComparison.Ordinal)
            || Enumerable.Range(0, count).Any(layer => parameter.StartsWith($"bert.encoder.layer.{layer}.", StringComparison.Ordinal)));

    private static IEnumerable<(TensorSlot Slot, long End)> Slots(ParameterLayout layout)
        => layout.Slots.Select((slot, index) => (slot, index + 1 < layout.Slots.Count ? layout.Slots[index + 1].Offset : layout.Length));
}
