namespace KaleidoDist.Collectives;

/// <summary>A call into NCCL failed, or what it began did not end; the communicator was given up.</summary>
public sealed class NcclException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public NcclException(int rank, long generation, string call, string found)
        : base($"{call} failed on rank {rank} of generation {generation}: {found}. Run the rank with NCCL_DEBUG=WARN and look at its log.", generation)
        => Call = call;

    /// <summary>The function of NCCL that failed, or whose work did.</summary>
    public string Call { get; }
}
