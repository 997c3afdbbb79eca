using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Finds the way in which the foreground box of a stored picture will be found, at the scale at which kaleido-tiny decodes.</summary>
internal static class ForegroundProbe
{
    private static readonly int MinimumSide = KaleidoSampleEncoder.MinimumDecodedSide(ModelConfig.Preset("kaleido-tiny")!);

    [ThreadStatic]
    private static PictureDecoder? decoder;

    /// <summary>The way, or null where no model will decode the picture.</summary>
    public static ForegroundWay? Of(RawRecord record)
    {
        decoder ??= new PictureDecoder();
        if (!decoder.TryDecode(record.Image.Span, MinimumSide, out var picture, out _))
            return null;
        using (picture)
            return ForegroundBox.Locate(record.ForegroundBox, picture).Way;
    }
}

/// <summary>Counts how the boxes of a shard's pictures will be found.</summary>
internal sealed class ForegroundTally
{
    private readonly Dictionary<ForegroundWay, long> counts = [];

    /// <summary>Counts a row of the shard that is being written; null counts nothing.</summary>
    public void Add(ForegroundWay? way)
    {
        if (way is { } found)
            counts[found] = counts.GetValueOrDefault(found) + 1;
    }

    /// <summary>The counts of the shard that is complete now; the next one begins at zero.</summary>
    public ForegroundWays Take()
    {
        var ways = ForegroundWays.Of(counts);
        counts.Clear();
        return ways;
    }
}
