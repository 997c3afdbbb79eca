namespace KaleidoDist.Checkpoints;

/// <summary>Element types of stored tensors: the allow-list of the reader.</summary>
public enum TensorType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>IEEE 754 binary64.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about <see cref="TensorType"/>.</summary>
public static class TensorTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int ElementBytes(TensorType type) => type switch
    {
        TensorType.F64 or TensorType.I64 => 8,
        TensorType.F32 or TensorType.I32 => 4,
        TensorType.BF16 or TensorType.F16 or TensorType.I16 => 2,
        TensorType.I8 or TensorType.U8 or TensorType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a tensor type."),
    };

    /// <summary>Name in a safetensors header.</summary>
    public static string Name(TensorType type) => type == TensorType.Bool ? "BOOL" : type.ToString();

    /// <summary>The type of a name in a safetensors header; null when it is not allowed.</summary>
    public static TensorType? Parse(string name) => name switch
    {
        "F32" => TensorType.F32,
        "BF16" => TensorType.BF16,
        "F16" => TensorType.F16,
        "F64" => TensorType.F64,
        "I64" => TensorType.I64,
        "I32" => TensorType.I32,
        "I16" => TensorType.I16,
        "I8" => TensorType.I8,
        "U8" => TensorType.U8,
        "BOOL" => TensorType.Bool,
        _ => null,
    };

    /// <summary>Bytes of a tensor.</summary>
    /// <exception cref="OverflowException">More than 2^63 - 1, or a negative size.</exception>
    public static long Bytes(TensorType type, IReadOnlyList<long> shape)
    {
        long count = ElementBytes(type);
        foreach (var size in shape)
        {
            if (size < 0)
                throw new OverflowException($"A tensor cannot have size {size}.");
            count = checked(count * size);
        }

        return count;
    }

    /// <summary>A shape as people write it: <c>[768, 30522]</c>.</summary>
    public static string Describe(TensorType type, IReadOnlyList<long> shape) => $"{Name(type)}[{string.Join(", ", shape)}]";
}
