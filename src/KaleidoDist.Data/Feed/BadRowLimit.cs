using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Decides when too many rows do not decode. Judged for every virtual rank on its own slice of the epoch: more bad rows than the allowed
/// share of the slice, but at least one, are too many. So the verdict depends on the data, the plan and the epoch, and neither on the
/// world size nor on which process hosts the slice. After a resume the epoch's count begins anew: a refusal may come later than without
/// the stop, never earlier, and replaced samples are the same either way.
/// </summary>
/// <param name="maxShare">Allowed share of bad rows, 0..1.</param>
/// <param name="manifest">Names the files.</param>
/// <param name="table">The manifest's row groups.</param>
public sealed class BadRowLimit(double maxShare, DatasetManifest manifest, RowGroupTable table)
{
    private readonly Dictionary<int, (long Epoch, long Count, SampleRef First)> counts = [];

    /// <summary>Bad rows a slice may have.</summary>
    public static long Allowance(double maxShare, long sliceLength) => maxShare <= 0 ? 0 : Math.Max(1, (long)(maxShare * sliceLength));

    /// <summary>Counts a bad row.</summary>
    /// <param name="sample">The row.</param>
    /// <param name="virtualRank">Whose slice it is in.</param>
    /// <param name="epoch">The epoch.</param>
    /// <param name="sliceLength">Samples of that slice.</param>
    /// <exception cref="KaleidoException">It is one too many.</exception>
    public void Add(SampleRef sample, int virtualRank, long epoch, long sliceLength)
    {
        var current = counts.GetValueOrDefault(virtualRank);
        if (current.Count == 0 || current.Epoch != epoch)
            current = (epoch, 0, sample);
        current.Count++;
        counts[virtualRank] = current;
        if (current.Count <= Allowance(maxShare, sliceLength))
            return;
        var (file, groupInFile, _, _) = table.Locate(current.First.Group);
        var path = manifest.Files[file].Path;
        throw new KaleidoException(FormattableString.Invariant(
            $"{current.Count} of {sliceLength} rows ({(double)current.Count / sliceLength:P1}) of virtual rank {virtualRank} do not decode in epoch {epoch}, the first in row {current.First.Row} of row group {groupInFile} of '{path}'; expected at most {maxShare:P1} (data.max_bad_rows). Run 'kaleido data inspect {path}', or raise the limit."));
    }
}
