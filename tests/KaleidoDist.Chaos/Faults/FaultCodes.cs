namespace KaleidoDist.Chaos;

/// <summary>Codes of the coordinator's events that faults have to cause.</summary>
internal static class FaultCodes
{
    /// <summary>A rank process ended.</summary>
    internal const string RankExited = "KD-W101";

    /// <summary>A worker's lease ran out, or it said goodbye.</summary>
    internal const string WorkerLost = "KD-W102";

    /// <summary>A worker was started again and knows nothing of its ranks.</summary>
    internal const string WorkerCameBackWithout = "KD-W103";

    /// <summary>A worker leaves: it was drained, or told to end.</summary>
    internal const string WorkerLeaves = "KD-W105";

    /// <summary>A rank process was lost before it had joined.</summary>
    internal const string JoinerLost = "KD-W106";

    /// <summary>A rank lives but gives no sign of life.</summary>
    internal const string RankHangs = "KD-W110";

    /// <summary>A rank cannot keep its connections and is removed.</summary>
    internal const string RankRemoved = "KD-N102";

    /// <summary>A connection between ranks broke.</summary>
    internal const string ConnectionBroke = "KD-N110";

    /// <summary>The coordinator started again.</summary>
    internal const string CoordinatorStarted = "KD-C101";

    /// <summary>Ranks went on while the coordinator was away.</summary>
    internal const string RanksKept = "KD-C102";

    /// <summary>A checkpoint found no space.</summary>
    internal const string NoSpace = "KD-S101";

    /// <summary>Metrics cannot be written.</summary>
    internal const string NoMetrics = "KD-S105";
}
