namespace KaleidoDist.Chaos;

/// <summary>A chaos run as it is asked for.</summary>
internal sealed record ChaosOptions
{
    /// <summary>About how long the two runs may take together.</summary>
    internal double Minutes { get; init; } = 3;

    /// <summary>Seed of all chance.</summary>
    internal int Seed { get; init; } = 1;

    /// <summary>Workers that are kept running.</summary>
    internal int Workers { get; init; } = 4;

    /// <summary>Workers that are always left alone.</summary>
    internal int MinimumWell { get; init; } = 2;

    /// <summary>What may be injected.</summary>
    internal IReadOnlyList<FaultKind> Kinds { get; init; } = [.. Enum.GetValues<FaultKind>()];

    /// <summary>Steps of the job; by default what takes about <see cref="Minutes"/> on two cores, a third of it undisturbed.</summary>
    internal long Steps { get; init; }

    /// <summary>Steps between checkpoints.</summary>
    internal int CheckpointEvery { get; init; } = 50;

    /// <summary>Shortest and longest pause between two faults, seconds.</summary>
    internal (double Shortest, double Longest) Pauses { get; init; } = (2, 10);

    /// <summary>Longest time without a new step after the last fault is over.</summary>
    internal TimeSpan LivenessBound { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where logs and run folders of a failed run are kept.</summary>
    internal required string KeepFolder { get; init; }

    /// <summary>Steps of the job.</summary>
    internal long TotalSteps => Steps > 0 ? Steps : (long)(Minutes * StepsPerMinute);

    private const int StepsPerMinute = 400;
}
