namespace KaleidoDist.Checkpoints;

/// <summary>
/// The memory a rank keeps for its snapshots: allocated and touched once, since copying into fresh memory takes ten times as long. Tensors lie in it
/// as they will lie in the files, from page to page, so that they are written as they are. One snapshot at a time.
/// </summary>
public sealed class SnapshotMemory : IDisposable
{
    private AlignedMemory? memory;

    /// <summary>Makes room for a snapshot; keeps what it has if that is enough.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    public void Reserve(CheckpointSnapshot share)
    {
        var bytes = Place(share).Sum(part => AlignedMemory.RoundUp(part.Sum(t => t.Bytes)));
        if (memory is not null && memory.Bytes >= bytes)
            return;
        memory?.Dispose();
        memory = null;
        memory = new AlignedMemory(bytes);
    }

    /// <summary>Copies the tensors of a share.</summary>
    /// <returns>The share with its tensors in this memory: valid until the next copy.</returns>
    public CheckpointSnapshot Copy(CheckpointSnapshot share)
    {
        Reserve(share);
        var copies = new Dictionary<string, nint>(StringComparer.Ordinal);
        long offset = 0;
        foreach (var part in Place(share))
        {
            foreach (var tensor in part)
            {
                memory!.Fill(offset, tensor.Address, tensor.Bytes);
                copies.Add(tensor.Name, memory.Address + (nint)offset);
                offset += tensor.Bytes;
            }

            offset = AlignedMemory.RoundUp(offset);
        }

        return share with
        {
            Weights = Moved(share.Weights, ""),
            FirstMoments = Moved(share.FirstMoments, ShardNames.FirstMoment),
            SecondMoments = Moved(share.SecondMoments, ShardNames.SecondMoment),
        };

        List<TensorSource> Moved(IReadOnlyList<TensorSource> tensors, string prefix) => [.. tensors.Select(t => t with { Address = copies[prefix + t.Name] })];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        memory?.Dispose();
        memory = null;
    }

    /// <summary>The files' tensors in the order of their data.</summary>
    private static IReadOnlyList<TensorSource>[] Place(CheckpointSnapshot share)
        => [SafetensorsWriter.Order(share.Weights), SafetensorsWriter.Order(CheckpointShardWriter.Moments(share))];
}
