using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>Turns a micro-batch's arrays into the model's input tensors.</summary>
internal static class BatchTensors
{
    /// <summary>Tensors on <paramref name="device"/>; the caller's dispose scope owns them. Of a task that is off no patch is named.</summary>
    internal static KaleidoInputs From(MicroBatch batch, ModelConfig model, Device device, TaskWeights? tasks = null)
    {
        long b = batch.Count;
        var patches = model.Patches;
        var patchNumbers = model.PatchEncoder == PatchEncoderKind.Pixels ? model.CellPixelCount : model.PatchFeatureSize;
        Tensor Put<T>(T[] values, params long[] shape) => from_array(values).reshape(shape).to(device);
        Tensor Of(PretrainTask task, Tensor hidden) => (tasks ?? TaskWeights.All).IsOn(task) ? hidden : hidden.narrow(1, 0, 0);
        return new KaleidoInputs
        {
            InputIds = Put(batch.InputIds, b, model.TextLength),
            InputMask = Put(batch.InputMask, b, model.TextLength),
            Patches = Put(batch.Patches, b, patches.PatchCount, patchNumbers),
            Positions = Put(batch.Positions, b, patches.PatchCount, PatchNumbers.PositionSize),
            MaskedPositions = Put(batch.MaskedPositions, b, model.MaxMaskedTokens),
            MaskedIds = Put(batch.MaskedIds, b, model.MaxMaskedTokens),
            MaskedWeights = Put(batch.MaskedWeights, b, model.MaxMaskedTokens),
            MatchLabels = Put(batch.MatchLabels, b),
            RotationLabels = Put(batch.RotationLabels, b),
            JigsawLabels = Put(batch.JigsawLabels, b),
            CamouflageLabels = Put(batch.CamouflageLabels, b),
            GreyPositions = Of(PretrainTask.Grey, Put(batch.GreyPositions, b, patches.Corrupted(PretrainTask.Grey))),
            BlankPositions = Of(PretrainTask.Blank, Put(batch.BlankPositions, b, patches.Corrupted(PretrainTask.Blank))),
            GreyTargets = Of(PretrainTask.Grey, Put(batch.GreyTargets, b, patches.Corrupted(PretrainTask.Grey), model.ReconstructionSize)),
            BlankTargets = batch.BlankTargets.Length == 0 ? null : Of(PretrainTask.Blank, Put(batch.BlankTargets, b, patches.Corrupted(PretrainTask.Blank), model.ReconstructionSize)),
        };
    }
}
