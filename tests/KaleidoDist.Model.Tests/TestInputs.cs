using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

/// <summary>Micro-batches of random numbers: a pure function of the seed.</summary>
internal static class TestInputs
{
    public static ModelConfig Micro(PatchEncoderKind kind) => new()
    {
        VocabularySize = 200, HiddenSize = 32, LayerCount = 2, HeadCount = 2, IntermediateSize = 64, MaxPositions = 32, TextLength = 16,
        MaxMaskedTokens = 4, PatchFeatureSize = 32, PatchEncoder = kind, CellSide = 4,
    };

    public static LossScale Scale(int samples) => new(3 * samples, samples);

    /// <summary>Samples with texts of 10 to 13 tokens and 3 masked ones each.</summary>
    public static KaleidoInputs Random(ModelConfig config, int samples, ulong seed)
    {
        var random = new KeyedRandom(seed, RandomPurpose.Import);
        int Below(int bound) => random.Next(bound);
        Tensor Ids(int width, Func<int, int, long> value)
            => tensor(Enumerable.Range(0, samples * width).Select(i => value(i / width, i % width)).ToArray(), [samples, width]);
        Tensor Numbers(params long[] shape)
            => tensor(Enumerable.Range(0, (int)shape.Aggregate((long)samples, (a, b) => a * b)).Select(_ => (Below(2001) / 1000f) - 1).ToArray(), [samples, .. shape]);
        Tensor Labels(int classes) => Ids(1, (_, _) => Below(classes)).flatten();
        var lengths = Enumerable.Range(0, samples).Select(i => 10 + (i % 4)).ToArray();
        var pixels = config.PatchEncoder == PatchEncoderKind.Pixels;
        return new KaleidoInputs
        {
            InputIds = Ids(config.TextLength, (sample, i) => i < lengths[sample] ? Below(config.VocabularySize) : 0),
            InputMask = Ids(config.TextLength, (sample, i) => i < lengths[sample] ? 1 : 0),
            Patches = Numbers(config.Patches.PatchCount, pixels ? config.CellPixelCount : config.PatchFeatureSize),
            Positions = Numbers(config.Patches.PatchCount, PatchNumbers.PositionSize),
            MaskedPositions = Ids(config.MaxMaskedTokens, (_, i) => i < 3 ? 1 + (2 * i) : 0),
            MaskedIds = Ids(config.MaxMaskedTokens, (_, i) => i < 3 ? Below(config.VocabularySize) : 0),
            MaskedWeights = Ids(config.MaxMaskedTokens, (_, i) => i < 3 ? 1 : 0).to(ScalarType.Float32),
            MatchLabels = Labels(2),
            RotationLabels = Labels(4),
            JigsawLabels = Labels(24),
            CamouflageLabels = Labels(9),
            GreyPositions = Ids(config.Patches.Corrupted(PretrainTask.Grey), (_, i) => (8 * i) + Below(8)),
            BlankPositions = Ids(config.Patches.Corrupted(PretrainTask.Blank), (_, i) => (8 * i) + Below(8)),
            GreyTargets = Numbers(config.Patches.Corrupted(PretrainTask.Grey), config.ReconstructionSize),
            BlankTargets = pixels ? Numbers(config.Patches.Corrupted(PretrainTask.Blank), config.ReconstructionSize) : null,
        };
    }
}
