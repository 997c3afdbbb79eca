namespace KaleidoDist.TestKit;

/// <summary>What goes wrong with a request.</summary>
public enum S3FaultKind
{
    /// <summary>It is refused with a status, and nothing is done.</summary>
    Refuse,

    /// <summary>It is done, and the connection breaks before the answer.</summary>
    LoseAnswer,

    /// <summary>It is never answered, and nothing is done: the caller gives up.</summary>
    Hang,

    /// <summary>It is done, and half of the answer's body is sent.</summary>
    CutBody,

    /// <summary>It is done after somebody else did the same: the other one's object is there first.</summary>
    Overtake,
}

/// <summary>A fault for the next requests of a kind. A test asserts that it fired.</summary>
public sealed class S3Fault
{
    private int left;
    private int fired;

    /// <summary>Makes a fault.</summary>
    /// <param name="operation">Method and what it is applied to: <c>PUT log/</c> for a key that contains <c>log/</c>. Parts: <c>PART</c>, completion: <c>COMPLETE</c>, listing: <c>LIST</c>.</param>
    /// <param name="kind">What goes wrong.</param>
    /// <param name="times">How often.</param>
    public S3Fault(string operation, S3FaultKind kind, int times = 1) => (Operation, Kind, left) = (operation, kind, times);

    /// <summary>The requests meant.</summary>
    public string Operation { get; }

    /// <summary>What goes wrong.</summary>
    public S3FaultKind Kind { get; }

    /// <summary>Status of <see cref="S3FaultKind.Refuse"/>.</summary>
    public int Status { get; init; } = 500;

    /// <summary>Code of <see cref="S3FaultKind.Refuse"/> as S3 names it.</summary>
    public string Code { get; init; } = "InternalError";

    /// <summary>How often it happened.</summary>
    public int Fired => Volatile.Read(ref fired);

    /// <summary>It happens no more.</summary>
    public void Stop() => Volatile.Write(ref left, 0);

    internal bool Takes(string operation, string key)
    {
        var words = Operation.Split(' ', 2);
        if (words[0] != operation || (words.Length > 1 && !key.Contains(words[1], StringComparison.Ordinal)) || Interlocked.Decrement(ref left) < 0)
            return false;
        Interlocked.Increment(ref fired);
        return true;
    }
}
