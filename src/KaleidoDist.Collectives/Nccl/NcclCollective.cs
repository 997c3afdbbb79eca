using System.Runtime.ExceptionServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The collectives of one generation over the GPUs of its ranks, by NCCL. It stands on a control group over TCP, which proved who the ranks are
/// and stays open: it carries small bytes, values in host memory, and the news that a peer died, which NCCL would wait for in silence. Values in
/// device memory go through NCCL, on a stream of their own. Exact mode follows the same canonical tree as every other transport.
/// </summary>
public sealed class NcclCollective : ICollective, IReductionSource
{
    /// <summary>Longest time for an orderly end: what matters is done, so peers that do not come are not waited for.</summary>
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(2);

    private readonly ICollective control;
    private readonly IFloatMemory memory;
    private readonly IDeviceStream stream;
    private readonly NcclOptions options;
    private readonly ReductionPlan plan;
    private readonly NcclCommunicator communicator;
    private readonly NcclExactReduction exact;
    private readonly LivenessLine liveness;
    private readonly Action keepWaiting;

    private readonly HashSet<int> unawaited = []; // Reductions under way, by their call.
    private CollectiveHeader header; // Of the last call.
    private Exception? ending;

    private NcclCollective(ICollective control, IFloatMemory memory, IDeviceStream stream, NcclOptions options, NcclCommunicator communicator, LivenessLine liveness)
    {
        (this.control, this.memory, this.stream, this.options) = (control, memory, stream, options);
        (this.communicator, this.liveness) = (communicator, liveness);
        plan = new ReductionPlan(control.Tree, HostMap.Apart(control.WorldSize)); // every rank has its own GPU
        exact = new NcclExactReduction(plan, control.Rank, memory, options.ChunkCount);
        keepWaiting = ThrowIfHopeless;
    }

    /// <inheritdoc/>
    public int Rank => control.Rank;

    /// <inheritdoc/>
    public int WorldSize => control.WorldSize;

    /// <inheritdoc/>
    public long Generation => control.Generation;

    /// <inheritdoc/>
    public string Route => $"NCCL between {WorldSize} GPUs";

    /// <inheritdoc/>
    public CanonicalTree Tree => control.Tree;

    /// <summary>The device memory whose values go through NCCL: gradients that lie there need not come to the host.</summary>
    public CudaMemory? Memory => memory as CudaMemory;

    /// <summary>Forms the group; returns when this rank is connected with all others. All ranks call it.</summary>
    /// <param name="control">The group of the same ranks over TCP; taken over on success; on failure given up, and the caller's to dispose.</param>
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

        var stream = new NcclCudaStream(NcclCudaFunctions.Load());
        try
        {
            return Form(control, library, missing, device, stream, options, cancellation);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Forms the group over a given library, memory and stream.</summary>
    internal static NcclCollective Form(
        ICollective control, NcclLibrary? library, KaleidoException? missing, IFloatMemory memory, IDeviceStream stream, NcclOptions options, CancellationToken cancellation)
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

        // A peer that dies now would be waited for as in any collective: forming is the first of them.
        var liveness = new LivenessLine(control, options.TimeProvider);
        NcclCommunicator? communicator = null;
        try
        {
            var withinLimit = Within(control, options.TimeProvider, options.FormationTimeout, "ncclCommInitRankConfig");
            void KeepWaiting()
            {
                cancellation.ThrowIfCancellationRequested();
                liveness.SinceAllEntered();
                withinLimit();
            }

            liveness.Enter(new CollectiveHeader(0, CollectiveKind.Barrier, ElementType.None, 0, 0));
            communicator = NcclCommunicator.Form(library!, id, control.Rank, control.WorldSize, control.Generation, KeepWaiting);
            liveness.Leave();
            NcclCommunicator.Await(() => liveness.IsOver, KeepWaiting);
            return new NcclCollective(control, memory, stream, options, communicator, liveness);
        }
        catch (Exception error)
        {
            communicator?.Dispose();
            control.Abort(error);
            liveness.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>All ranges lie in host memory, or all in the device's.</remarks>
    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        AllReduceArguments.Check(plan, Rank, partials, result);
        if (!memory.Contains(result))
            return Control().BeginAllReduce(partials, result);
        Begin(CollectiveKind.AllReduce, (int)options.Reduction, result.Count, () =>
        {
            if (options.Reduction == ReductionMode.Exact)
            {
                exact.BeginScatter(partials, Segments.Of(result, Rank, WorldSize), communicator, stream.Handle, keepWaiting);
                exact.BeginGather(result, communicator, stream.Handle, keepWaiting);
            }
            else
            {
                communicator.AllReduce(OwnPartials.Sum(memory, partials, result), result, stream.Handle, keepWaiting);
            }
        });
        unawaited.Add((int)header.Sequence);
        return new Reduction(this, (int)header.Sequence);
    }

    /// <inheritdoc/>
    /// <remarks>Always along the tree: NCCL's own reduce-scatter knows no segments of different lengths.</remarks>
    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment)
    {
        AllReduceArguments.CheckScatter(plan, Rank, partials, segment);
        if (!memory.Contains(partials[0].Values))
        {
            Control().ReduceScatter(partials, segment);
            return;
        }

        Begin(CollectiveKind.ReduceScatter, 0, partials[0].Values.Count, () => exact.BeginScatter(partials, segment, communicator, stream.Handle, keepWaiting));
        Complete();
    }

    /// <inheritdoc/>
    public void AllGatherSegments(FloatRange values)
    {
        if (!memory.Contains(values))
        {
            Control().AllGatherSegments(values);
            return;
        }

        Begin(CollectiveKind.AllGatherSegments, 0, values.Count, () => exact.BeginGather(values, communicator, stream.Handle, keepWaiting));
        Complete();
    }

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, WorldSize);
        if (!memory.Contains(values))
        {
            Control().Broadcast(values, root);
            return;
        }

        Begin(CollectiveKind.Broadcast, root, values.Count, () => communicator.Broadcast(values, root, stream.Handle, keepWaiting));
        Complete();
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all) => Control().AllGather(mine, all);

    /// <inheritdoc/>
    /// <remarks>Host memory, for the control group; device memory is the caller's own.</remarks>
    public NativeBuffer Allocate(long floatCount) => control.Allocate(floatCount);

    /// <inheritdoc/>
    public void Barrier() => Control().Barrier();

    /// <inheritdoc/>
    bool IReductionSource.IsCompleted(int version)
        => Volatile.Read(ref ending) is not null || (stream.IsIdle && liveness.IsOver);

    /// <inheritdoc/>
    void IReductionSource.Wait(int version)
    {
        if (!unawaited.Remove(version))
            throw new InvalidOperationException("This reduction was waited for before; expected one Wait for each Begin.");
        Complete();
    }

    /// <inheritdoc/>
    public void Abort(Exception cause) => End(new CollectiveAbortedException(Generation, cause), cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            if (!liveness.IsOver)
                Abort(new OperationCanceledException("The group was disposed of with calls under way."));
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
            stream.Dispose();
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

    /// <summary>The control group, once no collective of the device needs it any more.</summary>
    private ICollective Control()
    {
        Complete();
        return control;
    }

    /// <summary>Puts a collective onto the stream, behind what the computing stream was given so far.</summary>
    private void Begin(CollectiveKind kind, int argument, long count, Action begin) => Guard(() =>
    {
        header = new CollectiveHeader(header.Sequence + 1, kind, ElementType.Float32, argument, count);
        liveness.Enter(header);
        stream.FollowComputation();
        using (stream.Enter())
            begin();
    });

    /// <summary>Returns when the device has done everything that was begun, on this rank and on all others.</summary>
    private void Complete() => Guard(() =>
    {
        if (liveness.IsOver)
            return;
        NcclCommunicator.Await(() => stream.IsIdle, keepWaiting);
        communicator.ThrowIfBroken(header.Describe());
        liveness.Leave();
        NcclCommunicator.Await(() => liveness.IsOver, keepWaiting);
    });

    private void Guard(Action work)
    {
        ThrowIfEnded();
        try
        {
            work();
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
}
