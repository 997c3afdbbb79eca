using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>What the nemesis has done to a worker and not yet undone.</summary>
internal enum WorkerCondition
{
    /// <summary>Nothing: it counts.</summary>
    Well,

    /// <summary>Stopped, cut off or slow: it does not count, but comes back.</summary>
    Disturbed,

    /// <summary>Told to leave.</summary>
    Leaving,

    /// <summary>Killed.</summary>
    Dead,
}

/// <summary>One worker process of the cluster.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Host">Where it runs.</param>
/// <param name="Process">Its process.</param>
internal sealed record ClusterWorker(string Id, LabHost Host, KaleidoProcess Process)
{
    /// <summary>What was done to it.</summary>
    internal WorkerCondition Condition { get; set; }

    /// <summary>Whether it runs and nothing is done to it.</summary>
    internal bool IsWell => Condition == WorkerCondition.Well && !Process.HasExited;

    /// <summary>Process ids of its ranks.</summary>
    internal IReadOnlyList<int> Ranks => Process.Children;

    /// <summary>Ends a disturbance, where nothing worse came after it.</summary>
    internal void Recover() => Condition = Condition == WorkerCondition.Disturbed ? WorkerCondition.Well : Condition;

    /// <summary>Whether a signal reached a live process.</summary>
    internal static bool Signal(int processId, ProcessSignal signal) => ProcessTable.IsAlive(processId) && ProcessControl.TrySignal(processId, signal);

    /// <inheritdoc/>
    public override string ToString() => $"{Id} (process {Process.Id} on {Host.Name})";
}
