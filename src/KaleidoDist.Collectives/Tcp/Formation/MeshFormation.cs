using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// Connects one rank with all others: it dials every lower rank and accepts every higher one. One thread, one poll. Strangers, stale
/// generations and wrong keys are refused and counted; what can heal (a peer that is late, or does not know the generation yet) is tried
/// again until the formation timeout; a refusal that cannot heal ends the formation at once.
/// </summary>
internal sealed class MeshFormation : IDisposable
{
    /// <summary>Handshakes of strangers that may be under way at once; more connections wait in the listener's queue.</summary>
    private const int HandshakeBound = 64;

    /// <summary>Pause before a peer that was not there is dialled again.</summary>
    private static readonly TimeSpan RedialPause = TimeSpan.FromMilliseconds(25);

    private readonly Membership membership;
    private readonly int rank;
    private readonly DataPlaneListener listener;
    private readonly CollectiveOptions options;
    private readonly TimeProvider time;
    private readonly string jobHash;

    private readonly Socket?[] joined;
    private readonly List<DialingHandshake> dialing = [];
    private readonly List<AcceptingHandshake> accepting = [];
    private readonly Dictionary<int, long> redials = []; // When each missing lower rank was last given up.
    private readonly string?[] lastFailures;
    private readonly bool[] isMute; // Lower ranks whose kernel did not answer when they were last dialled.

    /// <summary>A formation that is not started yet.</summary>
    public MeshFormation(Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options)
    {
        this.membership = membership;
        this.rank = rank;
        this.listener = listener;
        this.options = options;
        time = options.TimeProvider;
        jobHash = Hello.HashOf(membership.JobId);
        joined = new Socket?[membership.WorldSize];
        lastFailures = new string?[membership.WorldSize];
        isMute = new bool[membership.WorldSize];
    }

    private bool IsComplete => !MissingPeers.Any();

    private IEnumerable<int> MissingPeers => Enumerable.Range(0, joined.Length).Where(peer => peer != rank && joined[peer] is null);

    /// <summary>Connects to all peers.</summary>
    /// <returns>The sockets by rank, owned by the caller; none at this rank's own place.</returns>
    /// <exception cref="FormationException">A peer did not come in time, or refused this rank for good.</exception>
    /// <exception cref="PeerUnreachableException">The way to a peer is cut.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public Socket?[] Run(CancellationToken cancellation)
    {
        using var wake = new WakeEvent();
        using var registration = cancellation.Register(wake.Signal);
        var polls = new PollSet(wake);
        var startedAt = time.GetTimestamp();
        for (var peer = 0; peer < rank; peer++)
            Dial(peer);
        while (!IsComplete)
        {
            cancellation.ThrowIfCancellationRequested();
            if (time.GetElapsedTime(startedAt) >= options.UnreachableTimeout && MissingPeers.Where(peer => isMute[peer]).ToArray() is { Length: > 0 } cutOff)
                throw new PeerUnreachableException(cutOff, membership.Generation, options.UnreachableTimeout);
            if (time.GetElapsedTime(startedAt) >= options.FormationTimeout)
                throw Incomplete();
            Wait(polls);
            AcceptWaiting();
            ExpireSilent();
            Harvest();
            Redial();
        }

        Socket?[] mesh = [.. joined];
        Array.Clear(joined);
        return mesh;
    }

    /// <summary>Closes whatever is not handed over.</summary>
    public void Dispose()
    {
        foreach (var handshake in dialing.Concat<Handshake>(accepting))
            handshake.Dispose();
        foreach (var socket in joined)
            socket?.Dispose();
    }

    private void Dial(int peer)
    {
        redials.Remove(peer);
        try
        {
            var remote = PeerAddress.Resolve(membership.Members[peer].Endpoint);
            var handshake = new DialingHandshake(remote, HelloTo(peer, rank), membership.SessionKey, time.GetTimestamp());
            dialing.Add(handshake);
            handshake.Advance();
        }
        catch (SocketException error)
        {
            TryAgain(peer, error.Message);
        }
    }

    private Hello HelloTo(int wanted, int dialer) => new(
        dialer,
        wanted,
        membership.WorldSize,
        options.VirtualRankCount,
        options.ChunkBytes,
        membership.Generation,
        options.Transport,
        options.WireType,
        jobHash);

    private void Wait(PollSet polls)
    {
        polls.Clear();
        if (accepting.Count < HandshakeBound)
            polls.Add(listener.Descriptor, Libc.PollIn);
        var first = -1;
        foreach (var handshake in dialing.Concat<Handshake>(accepting).Where(handshake => handshake.Outcome is null))
        {
            var index = polls.Add(handshake.Descriptor, handshake.AwaitedEvent);
            first = first < 0 ? index : first;
        }

        // Woken by a socket, by cancellation, or to look at the clock: redials and timeouts need no finer grain.
        polls.Wait(dialing.Exists(handshake => handshake.Outcome is not null) ? TimeSpan.Zero : RedialPause);
        foreach (var handshake in dialing.Concat<Handshake>(accepting).Where(handshake => handshake.Outcome is null))
        {
            if (polls.Events(first++) != 0)
                handshake.Advance();
        }
    }

    private void AcceptWaiting()
    {
        while (accepting.Count < HandshakeBound && listener.TryAccept() is { } socket)
        {
            var handshake = new AcceptingHandshake(socket, HelloTo(rank, dialer: rank), membership.SessionKey, time.GetTimestamp());
            accepting.Add(handshake);
            handshake.Advance();
        }
    }

    private void ExpireSilent()
    {
        foreach (var handshake in dialing.Concat<Handshake>(accepting))
        {
            if (handshake.Outcome is null && time.GetElapsedTime(handshake.StartedAt) >= options.HelloTimeout)
                handshake.Expire(options.HelloTimeout);
        }
    }

    private void Harvest()
    {
        foreach (var handshake in accepting.FindAll(handshake => handshake.Outcome is not null))
        {
            accepting.Remove(handshake);
            using (handshake)
            {
                if (handshake.Outcome!.Peer is { } peer)
                    Join(peer, handshake);
                else
                    listener.CountRefusal(handshake.Outcome.Reason);
            }
        }

        foreach (var handshake in dialing.FindAll(handshake => handshake.Outcome is not null))
        {
            dialing.Remove(handshake);
            using (handshake)
            {
                var outcome = handshake.Outcome!;
                isMute[handshake.Target] = !handshake.IsConnected && handshake.IsExpired;
                if (outcome.Peer is { } peer)
                    Join(peer, handshake);
                else if (outcome.Reason is RefusalReason.Incomplete or RefusalReason.NewerGeneration)
                    TryAgain(handshake.Target, outcome.Failure ?? "it does not know this generation yet");
                else
                    throw RefusedBy(handshake.Target, outcome.Reason);
            }
        }
    }

    private void Join(int peer, Handshake handshake)
    {
        // A peer that proves itself a second time has given its first connection up: the newer one counts.
        joined[peer]?.Dispose();
        joined[peer] = handshake.TakeSocket();
    }

    private void TryAgain(int peer, string failure)
    {
        lastFailures[peer] = failure;
        redials[peer] = time.GetTimestamp();
    }

    private void Redial()
    {
        foreach (var peer in redials.Where(redial => time.GetElapsedTime(redial.Value) >= RedialPause).Select(redial => redial.Key).ToArray())
            Dial(peer);
    }

    private FormationException RefusedBy(int peer, RefusalReason reason)
        => new(
            reason switch
            {
                RefusalReason.StaleGeneration =>
                    $"Rank {rank} is fenced: rank {peer} is past generation {membership.Generation}. This process ends; the job goes on without it.",
                RefusalReason.WrongKey =>
                    $"Rank {peer} at {membership.Members[peer].Endpoint} does not share the key of generation {membership.Generation}; expected a member of this job. Check that no other program took its port.",
                RefusalReason.DifferentPlan =>
                    $"Rank {peer} refused rank {rank}: world size, virtual ranks, chunk size, transport or wire type differ; expected {membership.WorldSize}, {options.VirtualRankCount}, {options.ChunkBytes} bytes, {options.Transport} and {options.WireType} on all ranks. Run the same version and options everywhere.",
                _ => $"Rank {peer} at {membership.Members[peer].Endpoint} refused rank {rank} of generation {membership.Generation}: {reason}. Check that the endpoint belongs to this job.",
            },
            membership.Generation,
            peer,
            reason);

    private FormationException Incomplete()
    {
        var missing = MissingPeers.ToArray();
        var details = string.Join("; ", missing.Select(peer => $"rank {peer} ({lastFailures[peer] ?? (peer > rank ? "has not dialled" : "does not answer")})"));
        return new FormationException(
            $"Generation {membership.Generation} did not form within {options.FormationTimeout.InSeconds()} at rank {rank}: missing {details}. Look at the logs of these ranks.",
            membership.Generation,
            missing.Length == 1 ? missing[0] : null);
    }
}
