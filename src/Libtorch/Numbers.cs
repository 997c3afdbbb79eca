using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist;

/// <summary>
/// Arithmetic of tensors with numbers, and sums of tensors (which TorchSharp hands a number, too), with numbers that live as long as the call that reads them.
/// </summary>
/// <remarks>
/// TorchSharp makes a native number for every <see cref="Scalar"/>, frees it in the finalizer, and keeps nothing alive during a call: <c>x + y</c> is <c>x.add(y, 1)</c>, and a
/// garbage collection at the wrong moment lets libtorch read a 1 that was freed. Mostly that is an error ("Expected false to be true"; once in about 7,000 steps of training,
/// once in 50,000 additions beside a thread that does nothing but collect garbage), but it may be another number, on all ranks alike. So no operator and no conversion that makes
/// such numbers is used: a test reads every compiled method for them. This file is compiled into each part that computes. See docs/decisions/0018.
/// </remarks>
internal static class Numbers
{
    /// <summary>0; never freed.</summary>
    internal static readonly Scalar Zero = 0.ToScalar();

    /// <summary>1; never freed.</summary>
    internal static readonly Scalar One = 1.ToScalar();

    /// <summary>A number to be disposed of after the call that it is handed to.</summary>
    internal static Scalar Of(double value) => value.ToScalar();

    /// <inheritdoc cref="Of(double)"/>
    internal static Scalar Of(long value) => value.ToScalar();

    /// <summary>left + right.</summary>
    internal static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);

    /// <summary>left + right, element by element.</summary>
    internal static Tensor Plus(this Tensor left, long right)
    {
        using var number = Of(right);
        return left.add(number, One);
    }

    /// <inheritdoc cref="Plus(Tensor, long)"/>
    internal static Tensor Plus(this Tensor left, double right)
    {
        using var number = Of(right);
        return left.add(number, One);
    }

    /// <summary>left * right, element by element.</summary>
    internal static Tensor Times(this Tensor left, long right)
    {
        using var number = Of(right);
        return left.mul(number);
    }

    /// <inheritdoc cref="Times(Tensor, long)"/>
    internal static Tensor Times(this Tensor left, double right)
    {
        using var number = Of(right);
        return left.mul(number);
    }

    /// <summary>left / right, element by element.</summary>
    internal static Tensor Over(this Tensor left, long right)
    {
        using var number = Of(right);
        return left.div(number);
    }

    /// <inheritdoc cref="Over(Tensor, long)"/>
    internal static Tensor Over(this Tensor left, double right)
    {
        using var number = Of(right);
        return left.div(number);
    }

    /// <summary>Adds to a tensor in place.</summary>
    internal static Tensor Add(this Tensor sum, Tensor other) => sum.add_(other, One);

    /// <summary>Adds a multiple of another tensor in place.</summary>
    internal static Tensor Add(this Tensor sum, Tensor other, double factor)
    {
        using var number = Of(factor);
        return sum.add_(other, number);
    }

    /// <summary>Adds a number to every element in place.</summary>
    internal static Tensor Add(this Tensor sum, double value)
    {
        using var number = Of(value);
        return sum.add_(number, One);
    }

    /// <summary>Multiplies every element in place.</summary>
    internal static Tensor Scale(this Tensor tensor, double factor)
    {
        using var number = Of(factor);
        return tensor.mul_(number);
    }

    /// <summary>Divides every element in place.</summary>
    internal static Tensor Divide(this Tensor tensor, double divisor)
    {
        using var number = Of(divisor);
        return tensor.div_(number);
    }

    /// <summary>Sets every element.</summary>
    internal static Tensor Fill(this Tensor tensor, double value)
    {
        using var number = Of(value);
        return tensor.fill_(number);
    }

    /// <summary>0, 1 .. count - 1.</summary>
    internal static Tensor Range(long count, ScalarType type, Device? device = null)
    {
        using var number = Of(count);
        return arange(Zero, number, One, type, device);
    }
}
