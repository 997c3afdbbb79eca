namespace KaleidoDist.Collectives;

/// <summary>
/// Calls of a group in which ranks share memory. Every call begins with a meeting of the host's ranks, at which they compare what they
/// called. Then
/// <list type="bullet">
/// <item>an all-reduce is done in the arena, and between hosts over the mesh; a second meeting ends it, because until then the others
/// read this rank's partials and write its result;</item>
/// <item>a barrier goes on over the mesh to the other hosts, where there are any, and ends with a second meeting too: nobody of this host
/// leaves the group while others are still under way;</item>
/// <item>everything else moves its data over the mesh, from rank to rank: it is rare or small.</item>
/// </list>
/// Values outside the arena are copied through staging blocks, in rounds. Between hosts all calls go in rounds, so that all hosts have the
/// same ones; how values are cut is invisible in the bits.
/// </summary>
internal sealed class HostTransport : ITransport
{
    private const long RoundCount = HostArena.RoundBytes / sizeof(float);

    private readonly ReductionPlan plan;
    private readonly int place;
    private readonly int ownPartialCount;
    private readonly IReadOnlyList<int> ranks;
    private readonly PeerMesh mesh;
    private readonly HostArena arena;
    private readonly HostMeeting meeting;
    private readonly nint[] inputs;
    private readonly nint[] outputs;
    private readonly ChunkClaims? claims;

    private ulong sequence;

    /// <summary>The transport of <paramref name="rank"/>; it owns the mesh and the arena.</summary>
    public HostTransport(ReductionPlan plan, int rank, long generation, PeerMesh mesh, HostArena arena, CollectiveOptions options, AbortSignal abort)
    {
        this.plan = plan;
        this.mesh = mesh;
        this.arena = arena;
        var host = plan.Hosts.Of(rank);
        ranks = plan.Hosts.Ranks[host];
        place = plan.Hosts.PlaceOf(rank);
        ownPartialCount = plan.Partials[rank].Length;
        inputs = new nint[plan.HostMerges[host].Inputs];
        outputs = new nint[ranks.Count];
        claims = plan.Hosts.Count == 1 ? new ChunkClaims(arena, place) : null;
        meeting = new HostMeeting(arena, ranks, place, generation, options, abort, mesh.FindClosedBystander);
        mesh.Progressed = () => Volatile.Write(ref arena.ProgressOf(place), arena.ProgressOf(place) + 1);
        abort.Raised = cause => meeting.GiveUp(cause);
    }

    /// <inheritdoc/>
    public void Run(Exchange exchange)
    {
        var header = exchange.Header with { Sequence = ++sequence };
        try
        {
            switch (exchange)
            {
                case AllReduceExchange { Header.Kind: CollectiveKind.AllReduce } reduce:
                    Run(reduce, header);
                    break;
                case BarrierExchange:
                    Run(exchange, header);
                    break;
                default:
                    meeting.Begin(header);
                    mesh.Run(exchange);
                    break;
            }
        }
        catch (PeerLostException) when (meeting.IsGivenUp)
        {
            throw meeting.GivenUp(); // Connections break in a cascade; the arena knows whom it began with.
        }
    }

    /// <inheritdoc/>
    public void WaitForWork()
    {
        try
        {
            mesh.WaitForWork();
        }
        catch (PeerLostException) when (meeting.IsGivenUp)
        {
            throw meeting.GivenUp();
        }
    }

    /// <inheritdoc/>
    public void ThrowIfAborted() => mesh.ThrowIfAborted();

    /// <inheritdoc/>
    public void GiveUp(Exception cause)
    {
        meeting.GiveUp(cause);
        mesh.GiveUp(cause);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        mesh.Dispose();
        arena.Dispose();
    }

    private void Run(Exchange barrier, CollectiveHeader header)
    {
        meeting.Begin(header);
        if (plan.Hosts.Count == 1)
            return;
        mesh.RunWithoutBystanders(barrier);
        meeting.Meet();
    }

    private void Run(AllReduceExchange reduce, CollectiveHeader header)
    {
        Publish(reduce);
        var count = reduce.OwnResult.Count;
        var isFirst = true;
        for (long start = 0; isFirst || start < count;)
        {
            CopyIn(reduce, start, Math.Min(RoundCount, count - start));
            if (isFirst)
                meeting.Begin(header);
            else
                meeting.Meet();
            isFirst = false;

            var round = Math.Min(plan.Hosts.Count > 1 || IsAnythingStaged() ? RoundCount : count, count - start);
            UseRound(reduce, start, round);
            mesh.RunWithoutBystanders(reduce);
            meeting.Meet();
            CopyOut(reduce, start, round);
            start += Math.Max(round, 1);
        }
    }

    private void Publish(AllReduceExchange reduce)
    {
        for (var i = 0; i < ownPartialCount; i++)
            arena.PublishOffset(sequence, i, arena.OffsetOf(reduce.OwnPartials[i]));
        arena.PublishOffset(sequence, ownPartialCount, arena.OffsetOf(reduce.OwnResult));
    }

    private void CopyIn(AllReduceExchange reduce, long start, long count)
    {
        for (var i = 0; i < ownPartialCount; i++)
        {
            if (arena.PublishedOffset(place, sequence, i) == HostArena.Staged)
                reduce.OwnPartials[i].Slice(start, count).CopyTo(new FloatRange(arena.StagingBlock(place, i), count));
        }
    }

    private void CopyOut(AllReduceExchange reduce, long start, long count)
    {
        if (arena.PublishedOffset(place, sequence, ownPartialCount) == HostArena.Staged)
            new FloatRange(arena.StagingBlock(place, ownPartialCount), count).CopyTo(reduce.OwnResult.Slice(start, count));
    }

    private bool IsAnythingStaged()
    {
        for (var other = 0; other < ranks.Count; other++)
        {
            for (var i = 0; i <= PartialCountOf(other); i++)
            {
                if (arena.PublishedOffset(other, sequence, i) == HostArena.Staged)
                    return true;
            }
        }

        return false;
    }

    private void UseRound(AllReduceExchange reduce, long start, long count)
    {
        var input = 0;
        var output = 1;
        for (var other = 0; other < ranks.Count; other++)
        {
            for (var i = 0; i < PartialCountOf(other); i++)
                inputs[input++] = Address(other, i, start);
            outputs[other == place ? 0 : output++] = Address(other, PartialCountOf(other), start);
        }

        reduce.UseShared(inputs, outputs, count);
        reduce.Claims = claims;
    }

    private int PartialCountOf(int ofPlace) => plan.Partials[ranks[ofPlace]].Length;

    private nint Address(int ofPlace, int range, long start)
    {
        var offset = arena.PublishedOffset(ofPlace, sequence, range);
        return offset == HostArena.Staged ? arena.StagingBlock(ofPlace, range) : arena.AddressOf(ofPlace, offset) + (nint)(start * sizeof(float));
    }
}
