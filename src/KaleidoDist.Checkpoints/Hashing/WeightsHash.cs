using System.IO.Hashing;

namespace KaleidoDist.Checkpoints;

/// <summary>Identity of a model's weights: what exactness tests compare.</summary>
public static class WeightsHash
{
    /// <summary>XXH128 over the bytes of all tensors, in ordinal name order, as 32 lower-case hex digits.</summary>
    public static string Compute(IEnumerable<TensorSource> weights)
    {
        var hash = new XxHash128();
        foreach (var tensor in weights.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            for (long offset = 0; offset < tensor.Bytes; offset += SafetensorsWriter.ChunkBytes)
                hash.Append(NativeBytes.Read(tensor.Address, offset, (int)Math.Min(SafetensorsWriter.ChunkBytes, tensor.Bytes - offset)));
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
