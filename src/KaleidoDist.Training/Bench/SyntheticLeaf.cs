using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>A leaf of random samples with full texts: what a step costs, without a data set. A pure function of its arguments.</summary>
internal static class SyntheticLeaf
{
    /// <summary>Share of text tokens that are masked, as in training.</summary>
    private const double MaskedShare = 0.15;

    /// <summary>Draws the leaf of a virtual rank.</summary>
    internal static Leaf Of(JobSpec spec, int virtualRank)
    {
        var random = new KeyedRandom(spec.Seed, RandomPurpose.Initialization, (ulong)virtualRank);
        var batches = new List<MicroBatch>();
        for (var left = spec.Training.LeafSize; left > 0; left -= spec.Training.MicroBatchSize)
            batches.Add(Batch(Math.Min(left, spec.Training.MicroBatchSize), spec.Model, ref random));
        return new Leaf(Step: 1, virtualRank, spec.Training.LeafSize, batches, batches.Sum(batch => batch.MaskedWeightSum), ReplacedCount: 0);
    }

    private static MicroBatch Batch(int count, ModelConfig model, ref KeyedRandom random)
    {
        var batch = new MicroBatch(count, model);
        Integers(batch.InputIds, model.VocabularySize, ref random);
        Array.Fill(batch.InputMask, 1);
        Integers(batch.MaskedPositions, model.TextLength, ref random);
        Integers(batch.MaskedIds, model.VocabularySize, ref random);
        var masked = Math.Clamp((int)(MaskedShare * model.TextLength), 1, model.MaxMaskedTokens);
        for (var sample = 0; sample < count; sample++)
        {
            batch.MaskedWeights.AsSpan(sample * model.MaxMaskedTokens, masked).Fill(1);
            for (var i = 0; i < model.Patches.Corrupted(PretrainTask.Grey); i++)
                batch.GreyPositions[sample * model.Patches.Corrupted(PretrainTask.Grey) + i] = i;
            for (var i = 0; i < model.Patches.Corrupted(PretrainTask.Blank); i++)
                batch.BlankPositions[sample * model.Patches.Corrupted(PretrainTask.Blank) + i] = i;
        }

        Floats(batch.Patches, ref random);
        Floats(batch.Positions, ref random);
        Floats(batch.GreyTargets, ref random);
        Floats(batch.BlankTargets, ref random);
        Integers(batch.MatchLabels, 2, ref random);
        Integers(batch.RotationLabels, 4, ref random);
        Integers(batch.JigsawLabels, 24, ref random);
        Integers(batch.CamouflageLabels, 9, ref random);
        return batch;
    }

    private static void Integers(long[] values, int bound, ref KeyedRandom random)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextUInt32() % bound;
    }

    private static void Floats(float[] values, ref KeyedRandom random)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextUInt32() / (float)uint.MaxValue;
    }
}
