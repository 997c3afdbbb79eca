using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// The connections of one rank to all others, and the loop that carries out a collective over them: move what can be moved, sleep in poll
/// when nothing can. Peers that share memory with this rank are bystanders in some calls: nothing is sent to them, but their connections
/// are watched, because they are how a death is noticed. Used by the communication thread alone.
/// </summary>
internal sealed class PeerMesh : ITransport
{
    /// <summary>The clock of the timeouts is looked at this often while nothing moves.</summary>
    private static readonly TimeSpan ClockPeriod = TimeSpan.FromMilliseconds(50);

    private readonly int rank;
    private readonly long generation;
    private readonly CollectiveOptions options;
    private readonly AbortSignal abort;
    private readonly NativeBuffer headers;
    private readonly PeerConnection[] peers; // In the order rank+1, rank+2, ...: not everybody starts with the same peer.
    private readonly PollSet polls;

    private PeerConnection[] remotePeers;
    private PeerConnection[] bystanders = [];
    private PeerConnection[] active; // Peers of the call in progress, in the order of `peers`.
    private PeerConnection[] watched = []; // Bystanders of the call in progress.

    private CollectiveHeader header;
    private ulong sequence;

    /// <summary>Takes the sockets of <see cref="MeshFormation"/> over.</summary>
    public PeerMesh(int rank, long generation, IReadOnlyList<Socket?> sockets, CollectiveOptions options, WakeEvent wake, AbortSignal abort)
    {
        this.rank = rank;
        this.generation = generation;
        this.options = options;
        this.abort = abort;
        polls = new PollSet(wake);
        headers = new NativeBuffer((long)sockets.Count * NativeBuffer.AlignmentBytes);
        peers = new PeerConnection[sockets.Count - 1];
        for (var i = 0; i < peers.Length; i++)
        {
            var peer = (rank + 1 + i) % sockets.Count;
            peers[i] = new PeerConnection(peer, sockets[peer]!, HeaderAddress(rank), HeaderAddress(peer), options.UnreachableTimeout);
        }

        active = remotePeers = peers;
        ArrivalTimeout = options.ArrivalTimeout;
    }

    /// <summary>Longest wait for a peer to make a call at all.</summary>
    public TimeSpan ArrivalTimeout { get; set; }

    /// <summary>Called whenever bytes or sums have moved.</summary>
    public Action? Progressed { get; set; }

    private TimeProvider Time => options.TimeProvider;

    /// <summary>From now on the ranks that <paramref name="sharesMemory"/> names may be bystanders.</summary>
    public void SetBystanders(Func<int, bool> sharesMemory)
    {
        remotePeers = [.. peers.Where(peer => !sharesMemory(peer.Rank))];
        bystanders = [.. peers.Where(peer => sharesMemory(peer.Rank))];
    }

    /// <inheritdoc/>
    public void Run(Exchange exchange) => Run(exchange, peers, []);

    /// <summary>Carries out one collective with the peers of other hosts; those of this host do not leave the group before it is over.</summary>
    /// <exception cref="CollectiveException">It failed, and with it the group.</exception>
    public void RunWithoutBystanders(Exchange exchange) => Run(exchange, remotePeers, bystanders);

    /// <inheritdoc/>
    public void WaitForWork()
    {
        polls.Clear();
        foreach (var peer in peers)
            polls.Add(peer.HasLeft ? -1 : peer.Descriptor, Libc.PollRdHup);
        polls.Wait(Timeout.InfiniteTimeSpan);
        ThrowIfAborted(); // Peers may have heard of it already and have closed: that is a consequence.
        for (var i = 0; i < peers.Length; i++)
        {
            var events = polls.Events(i + 1);
            if ((events & (Libc.PollErr | Libc.PollHup)) != 0)
                throw Reset(peers[i]);
            peers[i].HasLeft |= (events & Libc.PollRdHup) != 0; // Perhaps it is simply done: the next collective tells.
        }
    }

    /// <summary>The bystander, if any, whose connection is closed.</summary>
    public int? FindClosedBystander()
    {
        polls.Clear();
        foreach (var peer in bystanders)
            polls.Add(peer.Descriptor, Libc.PollRdHup);
        polls.Wait(TimeSpan.Zero);
        for (var i = 0; i < bystanders.Length; i++)
        {
            if (polls.Events(i + 1) != 0)
                return bystanders[i].Rank;
        }

        return null;
    }

    /// <summary>By rank, <see cref="PeerConnection.Traffic"/>. May be called from any thread.</summary>
    public void ReadTraffic(Span<LineTraffic> byRank)
    {
        byRank.Clear();
        foreach (var peer in peers)
            byRank[peer.Rank] = peer.Traffic;
    }

    /// <inheritdoc/>
    public void ThrowIfAborted()
    {
        if (abort.Cause is { } cause)
            throw new CollectiveAbortedException(generation, cause);
    }

    /// <summary>Resets all connections so that every peer wakes up: one fault ends the group everywhere.</summary>
    public void GiveUp(Exception cause)
    {
        foreach (var peer in peers)
            peer.Reset();
    }

    /// <summary>Closes all connections in good order and gives the memory back.</summary>
    public void Dispose()
    {
        foreach (var peer in peers)
            peer.Dispose();
        headers.Dispose();
    }

    private void Run(Exchange exchange, PeerConnection[] participants, PeerConnection[] onlookers)
    {
        active = participants;
        watched = onlookers;
        header = exchange.Header with { Sequence = ++sequence };
        header.WriteTo(headers.Bytes((long)rank * NativeBuffer.AlignmentBytes, CollectiveHeader.ByteCount));
        var progressAt = Time.GetTimestamp();
        foreach (var peer in active)
            peer.BeginCollective(progressAt);
        exchange.Begin();

        while (true)
        {
            ThrowIfAborted();
            var hasMoved = exchange.Advance();
            var isDone = exchange.IsLocalWorkDone;
            foreach (var peer in active)
            {
                hasMoved |= Send(peer, exchange) | Receive(peer, exchange);
                isDone &= IsDoneWith(peer, exchange);
            }

            if (isDone)
                return;
            if (hasMoved)
            {
                progressAt = Time.GetTimestamp();
                Progressed?.Invoke();
            }
            else
            {
                Wait(exchange, progressAt);
            }
        }
    }

    private static bool IsDoneWith(PeerConnection peer, Exchange exchange)
        => peer.IncomingHeader.IsEmpty && peer.OutgoingHeader.IsEmpty && exchange.IsDoneWith(peer.Rank);

    private static ByteRange Outgoing(PeerConnection peer, Exchange exchange)
        => peer.OutgoingHeader is { IsEmpty: false } rest ? rest : exchange.Outgoing(peer.Rank);

    private static ByteRange Incoming(PeerConnection peer, Exchange exchange)
        => peer.IncomingHeader is { IsEmpty: false } rest ? rest : exchange.Incoming(peer.Rank);

    private nint HeaderAddress(int of) => headers.Address + (nint)((long)of * NativeBuffer.AlignmentBytes);

    private bool Send(PeerConnection peer, Exchange exchange)
    {
        var hasMoved = false;
        if (peer.CanSend && peer.OutgoingHeader is { IsEmpty: false } rest)
        {
            // Held back to share a packet with the data that follows in this very call.
            var taken = Send(peer, rest, more: !exchange.Outgoing(peer.Rank).IsEmpty);
            peer.HeaderSent(taken);
            hasMoved = taken > 0;
        }

        if (peer.CanSend && peer.OutgoingHeader.IsEmpty && exchange.Outgoing(peer.Rank) is { IsEmpty: false } range)
        {
            var taken = Send(peer, range, more: false);
            exchange.Sent(peer.Rank, taken);
            hasMoved |= taken > 0;
        }

        return hasMoved;
    }

    private int Send(PeerConnection peer, ByteRange range, bool more)
    {
        var taken = peer.Send(range, more, out var error);
        return error == 0 ? taken : throw Lost(peer, error);
    }

    private bool Receive(PeerConnection peer, Exchange exchange)
    {
        if (!peer.CanReceive)
            return false;
        var isHeader = !peer.IncomingHeader.IsEmpty;
        var range = Incoming(peer, exchange);
        if (range.IsEmpty)
            return false;

        var taken = peer.Receive(range, out var isClosed, out var error);
        if (isClosed)
            throw Lost(peer, "it closed the connection");
        if (error != 0)
            throw Lost(peer, error);
        if (taken == 0)
            return false;
        peer.LastReceivedAt = Time.GetTimestamp();
        if (!isHeader)
        {
            exchange.Received(peer.Rank, taken);
            return true;
        }

        peer.HeaderReceived(taken);
        ThrowIfMismatch(peer);
        return true;
    }

    private void Wait(Exchange exchange, long progressAt)
    {
        // The clock is read before the sockets: a process that was stopped must not take its own absence for its peers' silence.
        var silence = Time.GetElapsedTime(progressAt);
        polls.Clear();
        foreach (var peer in active)
        {
            var events = (Outgoing(peer, exchange).IsEmpty ? 0 : Libc.PollOut) | (Incoming(peer, exchange).IsEmpty ? 0 : Libc.PollIn);
            // A peer this rank is done with may leave; of any other an error is noticed even while nothing is asked of it.
            polls.Add(IsDoneWith(peer, exchange) ? -1 : peer.Descriptor, (short)events);
        }

        foreach (var peer in watched)
            polls.Add(peer.Descriptor, Libc.PollRdHup);

        polls.Wait(ClockPeriod);
        for (var i = 0; i < active.Length; i++)
        {
            var events = polls.Events(i + 1);
            var isBroken = (events & (Libc.PollErr | Libc.PollHup)) != 0;
            active[i].CanSend |= isBroken || (events & Libc.PollOut) != 0;
            active[i].CanReceive |= isBroken || (events & Libc.PollIn) != 0;
            if (isBroken && Outgoing(active[i], exchange).IsEmpty && Incoming(active[i], exchange).IsEmpty)
                throw Reset(active[i]);
        }

        // A bystander leaves only after a meeting that this rank has not come to yet.
        for (var i = 0; i < watched.Length; i++)
        {
            if (polls.Events(active.Length + 1 + i) != 0)
                throw Lost(watched[i], "it closed the connection");
        }

        ThrowIfUnreachable(silence);
        ThrowIfSilent(exchange, silence);
    }

    private void ThrowIfUnreachable(TimeSpan silence)
    {
        if (silence >= options.UnreachableTimeout && active.Any(peer => peer.IsUnanswered(options.UnreachableTimeout)))
            throw Unreachable(Unanswered());
    }

    /// <summary>All that are cut off are named at once: whoever lost several is more likely to be cut off itself.</summary>
    private PeerUnreachableException Unreachable(IEnumerable<PeerConnection> cutOff)
        => new([.. cutOff.Select(peer => peer.Rank).Distinct().Order()], generation, options.UnreachableTimeout);

    private IEnumerable<PeerConnection> Unanswered() => active.Where(peer => peer.IsUnanswered(options.UnreachableTimeout / 2));

    private void ThrowIfSilent(Exchange exchange, TimeSpan silence)
    {
        foreach (var peer in active)
        {
            if (peer.IncomingHeader.IsEmpty)
                continue;
            // It has not made the call yet: that may take longer than moving data does.
            if (silence < ArrivalTimeout)
                return;
            throw new CollectiveTimeoutException(peer.Rank, generation, header.Describe(), "it to make the call", ArrivalTimeout);
        }

        if (silence >= options.ProgressTimeout)
            throw new CollectiveTimeoutException(Suspect(exchange).Rank, generation, header.Describe(), "its data", options.ProgressTimeout);
    }

    /// <summary>Whoever owes data of its own comes before those who may wait for it themselves; among them, who has been silent longest.</summary>
    private PeerConnection Suspect(Exchange exchange)
        => active
            .Where(peer => !IsDoneWith(peer, exchange))
            .OrderByDescending(peer => exchange.DebtOf(peer.Rank))
            .ThenBy(peer => peer.LastReceivedAt)
            .First();

    private void ThrowIfMismatch(PeerConnection peer)
    {
        if (!peer.IncomingHeader.IsEmpty || peer.Header == header)
            return;
        // The peer finds the same if it gets to see this rank's header: send it before the reset.
        if (!peer.OutgoingHeader.IsEmpty)
            peer.Send(peer.OutgoingHeader, more: false, out _);
        throw new CollectiveMismatchException(rank, header.Describe(), peer.Rank, peer.Header.Describe(), generation);
    }

    private CollectiveException Reset(PeerConnection peer)
        => peer.TakeError() is not 0 and var error && PeerLine.IsUnreachable(error) ? Lost(peer, error) : Lost(peer, "its connection was reset");

    private CollectiveException Lost(PeerConnection peer, int errno)
        => PeerLine.IsUnreachable(errno) ? Unreachable(Unanswered().Append(peer)) : Lost(peer, Marshal.GetPInvokeErrorMessage(errno));

    /// <summary>
    /// The error for a broken connection: a mismatch, if a header that already lies in a socket shows one, because then the break is only its
    /// consequence.
    /// </summary>
    private PeerLostException Lost(PeerConnection lost, string how)
    {
        ThrowIfAborted();
        foreach (var peer in active)
        {
            while (!peer.IncomingHeader.IsEmpty && peer.Receive(peer.IncomingHeader, out _, out _) is > 0 and var taken)
                peer.HeaderReceived(taken);
            ThrowIfMismatch(peer);
        }

        return new PeerLostException(lost.Rank, generation, how);
    }
}
