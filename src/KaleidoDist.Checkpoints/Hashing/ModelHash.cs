using System.Security.Cryptography;
using System.Text;

namespace KaleidoDist.Checkpoints;

/// <summary>Identity of a model's form: the same for all weights of one architecture and size.</summary>
public static class ModelHash
{
    /// <summary>sha256 over lines of name, type and shape in ordinal name order, hex.</summary>
    public static string Compute(IEnumerable<(string Name, TensorType Type, IReadOnlyList<long> Shape)> weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, type, shape) in weights.OrderBy(w => w.Name, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {TensorTypes.Describe(type, shape)}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The form of weights in memory.</summary>
    public static string Compute(IEnumerable<TensorSource> weights) => Compute(weights.Select(w => (w.Name, w.Type, w.Shape)));

    /// <summary>The form of weights in a file.</summary>
    public static string Compute(SafetensorsHeader header) => Compute(header.Entries.Select(e => (e.Name, e.Type, e.Shape)));
}
