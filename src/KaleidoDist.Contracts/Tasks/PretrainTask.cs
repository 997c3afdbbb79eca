namespace KaleidoDist.Contracts;

/// <summary>The seven pre-training tasks, in the order in which their losses are summed and reported.</summary>
public enum PretrainTask
{
    /// <summary>Aligned masked language modelling (AMLM): predict masked tokens.</summary>
    Mlm,

    /// <summary>Image-text matching: does the text belong to the picture?</summary>
    Itm,

    /// <summary>Rotation of the 1x1 patch: 4 classes.</summary>
    Rotation,

    /// <summary>Jigsaw of the 2x2 patches: 24 permutations.</summary>
    Jigsaw,

    /// <summary>Camouflage among the 3x3 patches: which of the 9 is another product's.</summary>
    Camouflage,

    /// <summary>Grey-to-color of 2 of the 4x4 patches: reconstruction.</summary>
    Grey,

    /// <summary>Blank-to-color of 3 of the 5x5 patches: reconstruction.</summary>
    Blank,
}

/// <summary>Facts about the tasks that every part agrees on.</summary>
public static class PretrainTasks
{
    /// <summary>Number of tasks.</summary>
    public const int Count = 7;

    /// <summary>Names on the wire, in logs and in specifications, by <see cref="PretrainTask"/>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["mlm", "itm", "rotation", "jigsaw", "camouflage", "grey", "blank"];

    /// <summary>Whether a task is a classification, with an accuracy.</summary>
    public static bool IsClassification(PretrainTask task) => task < PretrainTask.Grey;

    /// <summary>Accuracy of guessing, 0..1; for <see cref="PretrainTask.Mlm"/> one in the vocabulary; NaN for reconstructions.</summary>
    public static double Chance(PretrainTask task, int vocabularySize) => task switch
    {
        PretrainTask.Mlm => 1.0 / vocabularySize,
        PretrainTask.Itm => 1.0 / 2,
        PretrainTask.Rotation => 1.0 / 4,
        PretrainTask.Jigsaw => 1.0 / 24,
        PretrainTask.Camouflage => 1.0 / 9,
        _ => double.NaN,
    };
}
