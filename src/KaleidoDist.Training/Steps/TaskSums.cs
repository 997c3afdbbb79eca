using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// What a leaf adds to a step's figures, as floats that travel through the same canonical tree as its gradient: so the reported
/// losses have the same bits at any world size. Losses and right answers are sums over samples (tokens for the language task).
/// </summary>
public sealed class TaskSums
{
    /// <summary>Floats of one leaf's figures, padded so that every chunk of it is aligned.</summary>
    public const int Length = 32;

    private const int LossOffset = 0;
    private const int CorrectOffset = LossOffset + PretrainTasks.Count;
    private const int AnsweredOffset = CorrectOffset + PretrainTasks.Count;
    private const int SampleIndex = AnsweredOffset + PretrainTasks.Count;
    private const int ReplacedIndex = SampleIndex + 1;
    private const int StopIndex = ReplacedIndex + 1;
    private const int CheckpointIndex = StopIndex + 1;
    private const int PartIndex = CheckpointIndex + 1;
    private const int SavingIndex = PartIndex + 1;
    private const int MlmSampleIndex = SavingIndex + 1;

    private readonly float[] values = new float[Length];

    /// <summary>The floats that are reduced.</summary>
    public Span<float> Values => values;

    /// <summary>Samples counted.</summary>
    public long SampleCount => (long)values[SampleIndex];

    /// <summary>Samples another row stood in for.</summary>
    public long ReplacedCount => (long)values[ReplacedIndex];

    /// <summary>Whether any rank asked to stop after this step.</summary>
    public bool StopRequested => values[StopIndex] > 0;

    /// <summary>Whether rank 0 asked for a checkpoint after this step.</summary>
    public bool CheckpointRequested => values[CheckpointIndex] > 0;

    /// <summary>Whether any rank knows of the next generation, which begins after this step.</summary>
    public bool PartRequested => values[PartIndex] > 0;

    /// <summary>Whether any rank is still busy with an earlier checkpoint.</summary>
    public bool IsSaving => values[SavingIndex] > 0;

    /// <summary>The mean losses of all tasks that are on, each times its weight: what the step trained on.</summary>
    public double TotalLoss(TaskWeights weights) => weights.Tasks.Sum(task => weights[task] * Loss(task));

    /// <summary>Mean loss of a task over the counted samples, of the token task over those of leaves with a token to predict; 0 when there were none.</summary>
    public double Loss(PretrainTask task)
    {
        var samples = values[task == PretrainTask.Mlm ? MlmSampleIndex : SampleIndex];
        return samples == 0 ? 0 : values[LossOffset + (int)task] / (double)samples;
    }

    /// <summary>Share of right answers of a classification task, 0..1; negative for reconstructions and when nothing was asked.</summary>
    public double Accuracy(PretrainTask task)
    {
        var answered = values[AnsweredOffset + (int)task];
        return PretrainTasks.IsClassification(task) && answered > 0 ? values[CorrectOffset + (int)task] / (double)answered : -1;
    }

    /// <summary>Questions that a classification task asked: samples, or masked tokens.</summary>
    public long Answered(PretrainTask task) => (long)values[AnsweredOffset + (int)task];

    /// <summary>Adds one task's figures: a mean loss over the leaf times the leaf's samples, and answers.</summary>
    public void Add(PretrainTask task, double lossTimesSamples, double correct, double answered)
    {
        values[LossOffset + (int)task] += (float)lossTimesSamples;
        values[CorrectOffset + (int)task] += (float)correct;
        values[AnsweredOffset + (int)task] += (float)answered;
    }

    /// <summary>Adds samples.</summary>
    /// <param name="count">Of a micro-batch.</param>
    /// <param name="replaced">Those that another row stands in for.</param>
    /// <param name="withTokens">Whether the leaf they belong to has a token to predict: else its token loss is no mean of anything.</param>
    public void AddSamples(int count, int replaced, bool withTokens = true)
    {
        values[SampleIndex] += count;
        values[MlmSampleIndex] += withTokens ? count : 0;
        values[ReplacedIndex] += replaced;
    }

    /// <summary>Carries what a rank wishes, and whether it is busy with a checkpoint, into the step, so that all ranks learn of it at the same border.</summary>
    public void Request(bool stop, bool checkpoint, bool part, bool saving)
    {
        values[StopIndex] += stop ? 1 : 0;
        values[CheckpointIndex] += checkpoint ? 1 : 0;
        values[PartIndex] += part ? 1 : 0;
        values[SavingIndex] += saving ? 1 : 0;
    }
}
