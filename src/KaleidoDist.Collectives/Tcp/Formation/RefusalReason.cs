namespace KaleidoDist.Collectives;

/// <summary>Why a connection was not let into a group. Values travel on the wire: never renumber them.</summary>
public enum RefusalReason
{
    /// <summary>Not refused.</summary>
    None = 0,

    /// <summary>What it sent is no hello of this protocol version.</summary>
    NotAPeer = 1,

    /// <summary>It belongs to another job.</summary>
    WrongJob = 2,

    /// <summary>It belongs to an older generation: it is fenced.</summary>
    StaleGeneration = 3,

    /// <summary>It belongs to a newer generation, which this rank has not heard of yet; it may come again.</summary>
    NewerGeneration = 4,

    /// <summary>Its rank does not exist or does not dial this one, or it wanted another rank.</summary>
    WrongRank = 5,

    /// <summary>It runs with another world size, number of virtual ranks, chunk size, transport or wire type.</summary>
    DifferentPlan = 6,

    /// <summary>It does not know the generation's key.</summary>
    WrongKey = 7,

    /// <summary>It closed or fell silent before it had said who it is.</summary>
    Incomplete = 8,
}
