using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KaleidoDist.Collectives;

/// <summary>
/// float32 to bfloat16 and back: the upper half of the bits, rounded to nearest, ties to even. Infinities stay, NaNs stay NaNs.
/// </summary>
internal static unsafe class Bfloat16
{
    /// <summary>Bytes of one value.</summary>
    public const int ByteCount = sizeof(ushort);

    private const uint RoundingBias = 0x7FFF;
    private const uint MagnitudeMask = 0x7FFF_FFFF;
    private const uint Infinity = 0x7F80_0000;
    private const uint QuietBit = 0x0040_0000;

    /// <summary>Writes <paramref name="values"/> as bfloat16 from <paramref name="destination"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(FloatRange values, nint destination)
    {
        var from = (uint*)values.Address;
        var to = (ushort*)destination;
        long i = 0;
        for (; i <= values.Count - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var low = RoundedBits(Vector256.Load(from + i)) >>> 16;
            var high = RoundedBits(Vector256.Load(from + i + Vector256<uint>.Count)) >>> 16;
            Vector256.Narrow(low, high).Store(to + i);
        }

        for (; i < values.Count; i++)
            to[i] = (ushort)(RoundedBits(from[i]) >> 16);
    }

    /// <summary>Reads bfloat16 from <paramref name="source"/> on into <paramref name="values"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(nint source, FloatRange values)
    {
        var from = (ushort*)source;
        var to = (uint*)values.Address;
        long i = 0;
        for (; i <= values.Count - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(from + i));
            (low << 16).Store(to + i);
            (high << 16).Store(to + i + Vector256<uint>.Count);
        }

        for (; i < values.Count; i++)
            to[i] = (uint)from[i] << 16;
    }

    /// <summary>Writes <paramref name="values"/>, rounded to what bfloat16 can hold, as float32 to <paramref name="destination"/> (perhaps itself).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(FloatRange values, nint destination)
    {
        var from = (uint*)values.Address;
        var to = (uint*)destination;
        long i = 0;
        for (; i <= values.Count - Vector256<uint>.Count; i += Vector256<uint>.Count)
            RoundedBits(Vector256.Load(from + i)).Store(to + i);
        for (; i < values.Count; i++)
            to[i] = RoundedBits(from[i]);
    }

    private static uint RoundedBits(uint bits)
        => ((bits & MagnitudeMask) > Infinity ? bits | QuietBit : bits + RoundingBias + ((bits >> 16) & 1)) & 0xFFFF_0000;

    private static Vector256<uint> RoundedBits(Vector256<uint> bits)
    {
        var rounded = bits + Vector256.Create(RoundingBias) + ((bits >>> 16) & Vector256.Create(1u));
        var isNaN = Vector256.GreaterThan((bits & Vector256.Create(MagnitudeMask)).AsInt32(), Vector256.Create((int)Infinity)).AsUInt32();
        return Vector256.ConditionalSelect(isNaN, bits | Vector256.Create(QuietBit), rounded) & Vector256.Create(0xFFFF_0000u);
    }
}
