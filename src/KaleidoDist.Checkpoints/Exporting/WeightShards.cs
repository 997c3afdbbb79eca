namespace KaleidoDist.Checkpoints;

/// <summary>How exported weights are split into files, as Hugging Face's libraries do it. Pure.</summary>
internal static class WeightShards
{
    /// <summary>
    /// Fills one file after the other in the order given; a tensor that is larger than the limit has one of its own. Only the tensors' bytes count, not headers.
    /// </summary>
    /// <param name="bytes">Sizes of the tensors.</param>
    /// <param name="maxBytes">Most that a file may hold, at least 1.</param>
    /// <returns>For each file its tensors, as consecutive indices; one file when there is nothing.</returns>
    internal static IReadOnlyList<Range> Split(IReadOnlyList<long> bytes, long maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1);
        var files = new List<Range>();
        var (first, held) = (0, 0L);
        for (var tensor = 0; tensor < bytes.Count; tensor++)
        {
            if (tensor > first && held + bytes[tensor] > maxBytes)
            {
                files.Add(first..tensor);
                (first, held) = (tensor, 0);
            }

            held += bytes[tensor];
        }

        files.Add(first..bytes.Count);
        return files;
    }
}
