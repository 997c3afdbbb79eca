using System.Runtime.ExceptionServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The collectives of one generation over the GPUs of its ranks, by NCCL. It stands on a control group over TCP, which proved who the ranks are
/// and stays open: it carries small bytes, values in host memory, and the news that a peer died, which NCCL would wait for in silence. Values in
/// device memory go through NCCL, on a stream of their own. Exact mode follows the same canonical tree as every other transport.
/// </summary>
public sealed class NcclCollective : ICollective
{
    /// <summary>Longest time for an orderly end: what matters is done, so peers that do not come are not waited for.</summary>
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(2);

    private readonly ICollective control;
    private readonly IDeviceMemory memory;
    private readonly IDeviceStream stream;
    private readonly NcclOptions options;
    private readonly ReductionPlan plan;
    private readonly NcclCommunicator communicator;
    private readonly NcclExactReduction exact;
    private readonly LivenessLine liveness;
    private readonly Action keepWaiting;

    private CollectiveHeader header;
    private ulong sequence;
    private Exception? ending;

    private NcclCollective(ICollective control, IDeviceMemory memory, IDeviceStream stream, NcclOptions options, NcclCommunicator communicator)
    {
        (this.control, this.memory, this.stream, this.options, this.communicator) = (control, memory, stream, options, communicator);
        plan = new ReductionPlan(control.Tree, control.WorldSize);
        exact = new NcclExactReduction(plan, control.Rank, memory, options.ChunkCount);
        liveness = new LivenessLine(control, options.TimeProvider);
        keepWaiting = ThrowIfHopeless;
    }

    /// <inheritdoc/>
    public int Rank => control.Rank;

    /// <inheritdoc/>
    public int WorldSize => control.WorldSize;

    /// <inheritdoc/>
    public long Generation => control.Generation;

    /// <inheritdoc/>
    public CanonicalTree Tree => control.Tree;

    /// <summary>Forms the group; returns when this rank is connected with all others. All ranks call it.</summary>
    /// <param name="control">The group of the same ranks over TCP; taken over on success, and left to the caller on failure.</param>
    /// <param name="device">Where this rank computes: device 0 of those the process sees.</param>
    /// <param name="options">The same on all ranks where they say so.</param>
    /// <param name="cancellation">Gives up, for example because a newer generation is known.</param>
    /// <exception cref="KaleidoException">A rank has no NCCL, or another version, or another rank's GPU.</exception>
    /// <exception cref="CollectiveException">A peer is lost, or NCCL refused.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static NcclCollective Form(ICollective control, CudaMemory device, NcclOptions options, CancellationToken cancellation)
    {
        NcclLibrary? library = null;
        KaleidoException? missing = null;
        try
        {
            library = NcclLibrary.Load();
        }
        catch (KaleidoException error)
        {
            missing = error; // Said after the others have been told.
        }

        return Form(control, library, missing, device, new NcclCudaStream(NcclCudaFunctions.Load()), options, cancellation);
    }

    /// <summary>Forms the group over a given library, memory and stream.</summary>
    internal static NcclCollective Form(
        ICollective control, NcclLibrary? library, KaleidoException? missing, IDeviceMemory memory, IDeviceStream stream, NcclOptions options, CancellationToken cancellation)
    {
        options.Validate();
        NcclUniqueId own = default;
        if (control.Rank == 0 && library?.DrawUniqueId(out own) is { } result and not NcclResult.Success)
            throw new NcclException(0, control.Generation, "ncclGetUniqueId", library.ErrorText(result));
        NcclUniqueId id;
        try
        {
            id = NcclBootstrap.Exchange(control, library?.Version() ?? 0, stream.DeviceId, own);
        }
        catch (KaleidoException) when (missing is not null)
        {
            throw KaleidoException.Usage(missing.Message, missing);
        }

        var withinLimit = Within(control, options.TimeProvider, options.FormationTimeout, "ncclCommInitRankConfig");
        var communicator = NcclCommunicator.Form(library!, id, control.Rank, control.WorldSize, control.Generation, () =>
        {
            cancellation.ThrowIfCancellationRequested();
            withinLimit();
        });
        return new NcclCollective(control, memory, stream, options, communicator);
    }

    /// <inheritdoc/>
    /// <remarks>All ranges lie in host memory, or all in the device's. A sum in device memory is there when the call returns.</remarks>
    public void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        AllReduceArguments.Check(plan, Rank, partials, result);
        if (!memory.Contains(result))
        {
            control.AllReduce(partials, result);
            return;
        }

        Run(new CollectiveHeader(0, CollectiveKind.AllReduce, ElementType.Float32, (int)options.Reduction, result.Count), () =>
        {
            if (options.Reduction == ReductionMode.Exact)
                exact.Begin(partials, result, communicator, stream.Handle, keepWaiting);
            else
                communicator.AllReduce(SumOf(partials, result), result, stream.Handle, keepWaiting);
        });
    }

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, WorldSize);
        if (memory.Contains(values))
            Run(new CollectiveHeader(0, CollectiveKind.Broadcast, ElementType.Float32, root, values.Count), () => communicator.Broadcast(values, root, stream.Handle, keepWaiting));
        else
            control.Broadcast(values, root);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all) => control.AllGather(mine, all);

    /// <inheritdoc/>
    public void Barrier() => control.Barrier();

    /// <inheritdoc/>
    public void Abort(Exception cause) => End(new CollectiveAbortedException(Generation, cause), cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            if (Volatile.Read(ref ending) is null)
                communicator.End(Within(control, options.TimeProvider, EndTimeout, "ncclCommFinalize"));
        }
        catch (CollectiveException)
        {
            // It was given up instead: the peers are gone before this rank, as they may be.
        }
        finally
        {
            communicator.Dispose();
            liveness.Dispose();
            exact.Dispose();
            control.Dispose();
        }
    }

    /// <summary>Throws once <paramref name="limit"/> has passed from now on.</summary>
    private static Action Within(ICollective control, TimeProvider time, TimeSpan limit, string call)
    {
        var startedAt = time.GetTimestamp();
        return () =>
        {
            if (time.GetElapsedTime(startedAt) >= limit)
                throw new NcclException(control.Rank, control.Generation, call, $"not done within {limit.InSeconds()}");
        };
    }

    private void Run(CollectiveHeader call, Action begin)
    {
        ThrowIfEnded();
        header = call with { Sequence = ++sequence };
        try
        {
            liveness.Enter(header);
            stream.FollowComputation();
            using (stream.Enter())
                begin();
            NcclCommunicator.Await(() => stream.IsIdle, keepWaiting);
            communicator.ThrowIfBroken(header.Describe());
            liveness.Leave();
            NcclCommunicator.Await(() => liveness.IsOver, keepWaiting);
        }
        catch (Exception error)
        {
            End(error, error);
            ThrowIfEnded();
        }
    }

    /// <summary>The one end of the group: the first reason counts, everybody on this rank hears it, and the peers get a reset.</summary>
    private void End(Exception reason, Exception cause)
    {
        if (Interlocked.CompareExchange(ref ending, reason, null) is not null)
            return;
        communicator.Abort();
        control.Abort(cause);
    }

    private void ThrowIfEnded()
    {
        if (Volatile.Read(ref ending) is { } reason)
            ExceptionDispatchInfo.Throw(reason);
    }

    private void ThrowIfHopeless()
    {
        ThrowIfEnded();
        communicator.ThrowIfBroken(header.Describe());
        if (liveness.SinceAllEntered() >= options.ProgressTimeout)
            throw new NcclException(Rank, Generation, header.Describe(), $"not done {options.ProgressTimeout.InSeconds()} after all ranks had entered it");
    }

    /// <summary>The sum over this rank's own partials for fast mode: a single one as it is, several added into the result.</summary>
    private FloatRange SumOf(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        if (partials.Count == 1)
            return partials[0].Values;
        // The one that the result replaces comes first, so that nothing is overwritten before it was added.
        var ordered = partials.Select(partial => partial.Values).OrderBy(values => values == result ? 0 : 1).ToArray();
        memory.Add(ordered[0], ordered[1], result);
        foreach (var values in ordered.AsSpan(2))
            memory.Add(result, values, result);
        return result;
    }
}
