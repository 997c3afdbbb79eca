using System.Text.Json.Serialization;

namespace KaleidoDist.Contracts;

/// <summary>
/// What each pre-training task's loss counts in the sum that is trained on. A task of weight 0 is off: its corruption is not done to samples, its loss
/// is not computed, its head is not trained, and nothing is reported of it.
/// </summary>
public sealed record TaskWeights
{
    /// <summary>Largest weight that a specification may name.</summary>
    public const double Largest = 1000;

    /// <summary>All tasks, each counting once: the sum of the paper (eq. 8).</summary>
    public static TaskWeights All { get; } = new();

    /// <summary>Weight of <see cref="PretrainTask.Mlm"/>.</summary>
    public double Mlm { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Itm"/>.</summary>
    public double Itm { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Rotation"/>.</summary>
    public double Rotation { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Jigsaw"/>.</summary>
    public double Jigsaw { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Camouflage"/>.</summary>
    public double Camouflage { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Grey"/>.</summary>
    public double Grey { get; init; } = 1;

    /// <summary>Weight of <see cref="PretrainTask.Blank"/>.</summary>
    public double Blank { get; init; } = 1;

    /// <summary>The tasks that are on, in the order in which their losses are summed.</summary>
    [JsonIgnore]
    public IEnumerable<PretrainTask> Tasks => Enum.GetValues<PretrainTask>().Where(IsOn);

    /// <summary>Whether the sum needs no products: every task that is on counts once.</summary>
    [JsonIgnore]
    public bool IsPlainSum => Tasks.All(task => this[task] == 1);

    /// <summary>The weight of a task; 0 when it is off.</summary>
    public double this[PretrainTask task] => task switch
    {
        PretrainTask.Mlm => Mlm,
        PretrainTask.Itm => Itm,
        PretrainTask.Rotation => Rotation,
        PretrainTask.Jigsaw => Jigsaw,
        PretrainTask.Camouflage => Camouflage,
        PretrainTask.Grey => Grey,
        PretrainTask.Blank => Blank,
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "There is no such task."),
    };

    /// <summary>Weights by task.</summary>
    public static TaskWeights Of(Func<PretrainTask, double> weight) => new()
    {
        Mlm = weight(PretrainTask.Mlm),
        Itm = weight(PretrainTask.Itm),
        Rotation = weight(PretrainTask.Rotation),
        Jigsaw = weight(PretrainTask.Jigsaw),
        Camouflage = weight(PretrainTask.Camouflage),
        Grey = weight(PretrainTask.Grey),
        Blank = weight(PretrainTask.Blank),
    };

    /// <summary>Whether a task is trained.</summary>
    public bool IsOn(PretrainTask task) => this[task] > 0;
}
