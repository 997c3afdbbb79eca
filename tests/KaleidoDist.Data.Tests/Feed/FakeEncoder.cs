using System.Buffers.Binary;

namespace KaleidoDist.Data.Tests;

/// <summary>Writes a row's number and the epoch into its slot. Rows whose number is bad do not decode.</summary>
internal sealed class FakeEncoder(Func<long, bool>? isBad = null) : ISampleEncoder
{
    /// <summary>Samples tried.</summary>
    public int CallCount;

    public bool TryEncode(RowGroup group, int row, long epoch, MicroBatch batch, int slot)
    {
        Interlocked.Increment(ref CallCount);
        var id = BinaryPrimitives.ReadInt64LittleEndian(group.Rows[row].Image.Span);
        if (isBad?.Invoke(id) == true)
            return false;
        batch.SampleIds[slot] = group.Rows[row].SampleIndex;
        batch.MatchLabels[slot] = id;
        batch.RotationLabels[slot] = epoch;
        batch.MaskedWeights[slot * (batch.MaskedWeights.Length / batch.Count)] = 1;
        return true;
    }
}
