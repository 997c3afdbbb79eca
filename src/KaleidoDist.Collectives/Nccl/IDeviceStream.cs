namespace KaleidoDist.Collectives;

/// <summary>
/// A queue of work on the rank's GPU, beside the one that computes: what is put on it is done in order, while the rank thread goes on.
/// Used by the rank thread alone.
/// </summary>
internal interface IDeviceStream : IDisposable
{
    /// <summary>Identity of the GPU, 16 bytes: two ranks on one GPU are found by it.</summary>
    ReadOnlySpan<byte> DeviceId { get; }

    /// <summary>The stream as CUDA names it (<c>cudaStream_t</c>).</summary>
    nint Handle { get; }

    /// <summary>What is put on this stream from now on begins after everything that was given to the computing stream so far.</summary>
    void FollowComputation();

    /// <summary>Until the answer is disposed of, the arithmetic of this thread goes onto this stream.</summary>
    IDisposable Enter();

    /// <summary>Whether everything put on it is done.</summary>
    bool IsIdle { get; }
}
