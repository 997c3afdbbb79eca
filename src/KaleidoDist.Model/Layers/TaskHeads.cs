using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>The pooler and the heads of the tasks that the patches allow (KALEIDO-BERT section 1.7).</summary>
internal sealed class TaskHeads(KaleidoParameters parameters, MatrixProducts products, SharedTable words)
{
    private readonly (Tensor Weight, Tensor Bias) pooler = Dense(parameters, "bert.pooler.dense");
    private readonly (Tensor Weight, Tensor Bias) transform = Dense(parameters, "cls.predictions.transform.dense");
    private readonly (Tensor Weight, Tensor Bias) transformNorm = Dense(parameters, "cls.predictions.transform.LayerNorm");
    private readonly (Tensor Weight, Tensor Bias) match = Dense(parameters, "cls.seq_relationship");
    private readonly PatchLayout patches = parameters.Config.Patches;

    /// <summary>All outputs from the last hidden states [B, T + P, H].</summary>
    public KaleidoOutputs Forward(Tensor sequence, KaleidoInputs inputs, Tensor blankTargets)
    {
        long samples = sequence.shape[0], hidden = sequence.shape[2], text = inputs.TextLength;
        var states = sequence.view(-1, hidden);
        var start = Numbers.Range(samples, ScalarType.Int64, sequence.device).unsqueeze(1).Times(sequence.shape[1]);
        Tensor Gather(Tensor places) => states.index_select(0, start.Plus(places).flatten());
        Tensor? Classify(PretrainTask task, string head)
        {
            if (!patches.Has(task))
                return null;
            var level = patches.LevelOf(task);
            return Linear(sequence.narrow(1, text + level.Offset, level.Count).reshape(samples, -1), Dense(parameters, head));
        }

        Tensor? Reconstruct(PretrainTask task, Tensor places, string head)
            => patches.Has(task) ? products.Linear(Gather(places.Plus(text + patches.LevelOf(task).Offset)).view(samples, places.shape[1], hidden), parameters[$"{head}.weight"]) : null;

        var masked = start.Plus(inputs.MaskedPositions).flatten();
        var maskedStates = states.index_select(0, inputs.MaskedSlots is { } slots ? masked.index_select(0, slots) : masked);
        var pooled = Linear(sequence.select(1, 0), pooler).tanh();
        return new KaleidoOutputs
        {
            Sequence = sequence,
            Pooled = pooled,
            MlmLogits = words.Decode(Transform(maskedStates)),
            MatchLogits = Linear(pooled, match),
            RotationLogits = Classify(PretrainTask.Rotation, "cls.rotation"),
            JigsawLogits = Classify(PretrainTask.Jigsaw, "cls.jigsaw"),
            CamouflageLogits = Classify(PretrainTask.Camouflage, "cls.camouflage"),
            GreyLogits = Reconstruct(PretrainTask.Grey, inputs.GreyPositions, "cls.grey_to_color"),
            BlankLogits = Reconstruct(PretrainTask.Blank, inputs.BlankPositions, "cls.blank_to_color")!,
            BlankTargets = blankTargets,
        };
    }

    private Tensor Transform(Tensor states)
        => Norm.Apply(Activation.Gelu(Linear(states, transform)), transformNorm.Weight, transformNorm.Bias);

    private Tensor Linear(Tensor input, (Tensor Weight, Tensor Bias) dense) => products.Linear(input, dense.Weight, dense.Bias);

    private static (Tensor Weight, Tensor Bias) Dense(KaleidoParameters parameters, string name) => (parameters[$"{name}.weight"], parameters[$"{name}.bias"]);
}
