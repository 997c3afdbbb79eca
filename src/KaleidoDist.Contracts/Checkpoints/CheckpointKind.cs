namespace KaleidoDist.Contracts;

/// <summary>Why a checkpoint was written.</summary>
public enum CheckpointKind
{
    /// <summary>Its time or step had come.</summary>
    Periodic,

    /// <summary>The run was asked to stop and can be resumed.</summary>
    Preempt,

    /// <summary>The last step of the job was applied.</summary>
    Final,
}

/// <summary>Names of <see cref="CheckpointKind"/> on the wire and in manifests.</summary>
public static class CheckpointKinds
{
    /// <summary>The lower-case name.</summary>
    public static string Name(CheckpointKind kind) => kind switch
    {
        CheckpointKind.Periodic => "periodic",
        CheckpointKind.Preempt => "preempt",
        CheckpointKind.Final => "final",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a checkpoint kind."),
    };

    /// <summary>The kind of a name; null for an unknown one.</summary>
    public static CheckpointKind? Parse(string name) => name switch
    {
        "periodic" => CheckpointKind.Periodic,
        "preempt" => CheckpointKind.Preempt,
        "final" => CheckpointKind.Final,
        _ => null,
    };
}
