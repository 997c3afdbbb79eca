namespace KaleidoDist.Data;

/// <summary>Turns one row into one slot of a micro-batch: decoded, tokenised, cut into patches, corrupted and labelled.</summary>
public interface ISampleEncoder
{
    /// <summary>
    /// Encodes a row into a slot. A pure function of the row group, the row and the epoch; donors come from the same row group.
    /// </summary>
    /// <param name="group">The row group that holds the row and its donors.</param>
    /// <param name="row">Index of the row in <paramref name="group"/>.</param>
    /// <param name="epoch">The epoch: a key of the corruptions.</param>
    /// <param name="batch">The micro-batch to write to.</param>
    /// <param name="slot">The slot to write; every number of it is set.</param>
    /// <returns>False when the row's own picture or text is unusable; the slot is then undefined.</returns>
    bool TryEncode(RowGroup group, int row, long epoch, MicroBatch batch, int slot);
}
