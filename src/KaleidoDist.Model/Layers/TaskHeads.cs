using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>The pooler and the seven heads (KALEIDO-BERT section 1.7).</summary>
internal sealed class TaskHeads(KaleidoParameters parameters, MatrixProducts products, SharedTable words)
{
    private readonly (Tensor Weight, Tensor Bias) pooler = Dense(parameters, "bert.pooler.dense");
    private readonly (Tensor Weight, Tensor Bias) transform = Dense(parameters, "cls.predictions.transform.dense");
    private readonly (Tensor Weight, Tensor Bias) transformNorm = Dense(parameters, "cls.predictions.transform.LayerNorm");
    private readonly (Tensor Weight, Tensor Bias) match = Dense(parameters, "cls.seq_relationship");
    private readonly (Tensor Weight, Tensor Bias) rotation = Dense(parameters, "cls.rotation");
    private readonly (Tensor Weight, Tensor Bias) jigsaw = Dense(parameters, "cls.jigsaw");
    private readonly (Tensor Weight, Tensor Bias) camouflage = Dense(parameters, "cls.camouflage");
    private readonly Tensor greyToColor = parameters["cls.grey_to_color.weight"];
    private readonly Tensor blankToColor = parameters["cls.blank_to_color.weight"];

    /// <summary>All outputs from the last hidden states [B, T + 55, H].</summary>
    public KaleidoOutputs Forward(Tensor sequence, KaleidoInputs inputs, Tensor blankTargets)
    {
        long samples = sequence.shape[0], hidden = sequence.shape[2], text = inputs.TextLength;
        var states = sequence.view(-1, hidden);
        var start = arange(samples, device: sequence.device).unsqueeze(1) * sequence.shape[1];
        Tensor Gather(Tensor places) => states.index_select(0, (start + places).flatten());
        Tensor Level(int level) => sequence.narrow(1, text + PatchLevels.Offset(level), PatchLevels.Size(level)).reshape(samples, -1);
        Tensor Reconstruct(int level, Tensor places, Tensor weight)
            => products.Linear(Gather(places + (text + PatchLevels.Offset(level))).view(samples, places.shape[1], hidden), weight);

        var masked = (start + inputs.MaskedPositions).flatten();
        var maskedStates = states.index_select(0, inputs.MaskedSlots is { } slots ? masked.index_select(0, slots) : masked);
        var pooled = Linear(sequence.select(1, 0), pooler).tanh();
        return new KaleidoOutputs
        {
            Sequence = sequence,
            Pooled = pooled,
            MlmLogits = words.Decode(Transform(maskedStates)),
            MatchLogits = Linear(pooled, match),
            RotationLogits = Linear(Level(1), rotation),
            JigsawLogits = Linear(Level(2), jigsaw),
            CamouflageLogits = Linear(Level(3), camouflage),
            GreyLogits = Reconstruct(4, inputs.GreyPositions, greyToColor),
            BlankLogits = Reconstruct(5, inputs.BlankPositions, blankToColor),
            BlankTargets = blankTargets,
        };
    }

    private Tensor Transform(Tensor states)
        => Norm.Apply(Activation.Gelu(Linear(states, transform)), transformNorm.Weight, transformNorm.Bias);

    private Tensor Linear(Tensor input, (Tensor Weight, Tensor Bias) dense) => products.Linear(input, dense.Weight, dense.Bias);

    private static (Tensor Weight, Tensor Bias) Dense(KaleidoParameters parameters, string name) => (parameters[$"{name}.weight"], parameters[$"{name}.bias"]);
}
