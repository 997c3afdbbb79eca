using KaleidoDist.Contracts;
using KaleidoDist.Model;

namespace KaleidoDist.Training;

/// <summary>A contiguous slice of the flat gradient that is reduced by itself.</summary>
/// <param name="Offset">First value.</param>
/// <param name="Count">Values.</param>
internal readonly record struct GradientBucket(long Offset, long Count);

/// <summary>
/// The flat gradient cut into buckets, and when each may be reduced: a pure function of model and layout, so that all ranks reduce the same
/// buckets in the same order. Both parts of the buffer (with and without weight decay) are cut from their ends, where gradients become final first.
/// </summary>
internal sealed class GradientBuckets
{
    /// <summary>Values of a bucket, 4 MiB: long enough to make the cost of a collective vanish, short enough that the first leaves early.</summary>
    public const long DefaultCount = 1 << 20;

    private readonly GradientBucket[][] bySegment;

    /// <summary>Cuts the gradient of a model.</summary>
    public GradientBuckets(KaleidoSegments segments, ParameterLayout layout, long bucketCount = DefaultCount)
    {
        bySegment = new GradientBucket[segments.Count][];
        (long decayed, long other) = (layout.DecayedLength, layout.Length); // What lies behind is in a bucket.
        for (var segment = segments.Heads; segment >= 0; segment--)
        {
            var final = segments.FinalFrom(segment);
            var isLast = segment == 0;
            bySegment[segment] = [.. Cut(ref decayed, isLast ? 0 : final.Decayed), .. Cut(ref other, isLast ? layout.DecayedLength : final.Other)];

            List<GradientBucket> Cut(ref long end, long start)
            {
                var buckets = new List<GradientBucket>();
                while (end - start >= bucketCount || (isLast && end > start))
                {
                    var count = Math.Min(bucketCount, end - start);
                    end -= count;
                    buckets.Add(new GradientBucket(end, count));
                }

                return buckets;
            }
        }
    }

    /// <summary>Number of segments.</summary>
    public int SegmentCount => bySegment.Length;

    /// <summary>The buckets that become final when backward has finished <paramref name="segment"/>, in the order of their reduction.</summary>
    public IReadOnlyList<GradientBucket> FinishedBy(int segment) => bySegment[segment];
}
