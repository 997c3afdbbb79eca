using KaleidoDist.Collectives;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>
/// What a rank process does in the generations it is a member of, and keeps from one to the next: training, or an extraction. Owned by
/// the rank thread, which alone calls it.
/// </summary>
public interface IRankWork : IDisposable
{
    /// <summary>Steps done, as far as this rank knows.</summary>
    long Step { get; }

    /// <summary>Steps of the job.</summary>
    long TotalSteps { get; }

    /// <summary>Steps of one pass over the data.</summary>
    long StepsPerEpoch { get; }

    /// <summary>Why the work was complete before the job's last step; empty when it was not.</summary>
    string EarlyEnd { get; }

    /// <summary>Numbers of the network.</summary>
    long ParameterCount { get; }

    /// <summary>How long this rank's last step took: that long may a peer need before it can come to a new generation.</summary>
    TimeSpan LastStepTime { get; }

    /// <summary>The state that a joiner copies from a peer; null where there is none to copy, so that a joiner can be taken in at once.</summary>
    ReplicaState? Replica { get; }

    /// <summary>What must be equal on all ranks of the job, by name.</summary>
    IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>What a person should find in the rank's log.</summary>
    IEnumerable<string> Description { get; }

    /// <summary>Brings the ranks of a new generation to the same step. Collective.</summary>
    Agreement Agree(ICollective collective, ITrainingPort port);

    /// <summary>Works until the job is done, or until the border at which any rank was told to stop or to part. Collective.</summary>
    /// <param name="form">The generation.</param>
    /// <param name="collective">Its ranks.</param>
    /// <param name="port">Whom to report to.</param>
    TrainingEnd Run(FormGeneration form, ICollective collective, ITrainingPort port);
}
