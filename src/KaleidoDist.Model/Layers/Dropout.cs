using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Dropout that is off outside training and at rate 0, where it draws no random numbers.</summary>
internal readonly record struct Dropout(double Rate, bool Training)
{
    /// <summary>The rate in force: 0 outside training.</summary>
    public double Active => Training ? Rate : 0;

    /// <summary>Drops elements and scales the rest; masks come from libtorch's default generator.</summary>
    public Tensor Apply(Tensor input) => Active > 0 ? nn.functional.dropout(input, Active, training: true) : input;
}
