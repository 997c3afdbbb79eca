using KaleidoDist.Contracts;
using KaleidoDist.Data;
using TorchSharp;

namespace KaleidoDist.Training;

/// <summary>What becomes of an encoded micro-batch before a step can use it, for <c>kaleido bench data</c>.</summary>
public static class BatchProbe
{
    /// <summary>Makes the CPU tensors of a micro-batch and frees them.</summary>
    public static void MakeTensors(MicroBatch batch, ModelConfig model)
    {
        using var scope = torch.NewDisposeScope();
        BatchTensors.From(batch, model, torch.CPU);
    }
}
