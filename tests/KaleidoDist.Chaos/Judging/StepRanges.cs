namespace KaleidoDist.Chaos;

/// <summary>Steps as people name them.</summary>
internal static class StepRanges
{
    /// <summary>"step 3 was", "steps 5 to 9 were", for ascending steps.</summary>
    internal static IEnumerable<string> Of(IEnumerable<long> steps)
    {
        (long First, long Last)? range = null;
        foreach (var step in steps)
        {
            if (range is { } open && step == open.Last + 1)
            {
                range = (open.First, step);
                continue;
            }

            if (range is { } closed)
                yield return Text(closed);
            range = (step, step);
        }

        if (range is { } last)
            yield return Text(last);
    }

    private static string Text((long First, long Last) range) => range.First == range.Last ? $"step {range.First} was" : $"steps {range.First} to {range.Last} were";
}
