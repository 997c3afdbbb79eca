using System.Threading.Channels;
using KaleidoDist.Collectives;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Training;

namespace KaleidoDist.Worker;

/// <summary>
/// A rank's side of its pipe to the agent. Reports go out as they come; orders arrive on a thread of their own and wait here until the rank
/// thread looks, except that a new generation ends a broken one at once.
/// </summary>
internal sealed class RankPort(string jobId, long member, MessagePipe<RankCommand, RankReport> pipe) : ITrainingPort
{
    private static readonly TimeSpan BeatPeriod = TimeSpan.FromMilliseconds(250);

    private readonly Channel<CheckpointDecision> decisions = Channel.CreateUnbounded<CheckpointDecision>();
    private readonly Lock gate = new();
    private readonly SemaphoreSlim formArrived = new(0);
    private FormGeneration? pending;
    private FormGeneration? current;
    private ICollective? collective;
    private CancellationTokenSource forming = new();
    private StateReception? reception;
    private DonateState? donation;
    private string phase = "starting";
    private long step;
    private volatile bool stopRequested;
    private volatile RankReady? readiness;
    private volatile DataPlaneListener? listener;

    /// <inheritdoc/>
    public bool StopRequested => stopRequested;

    /// <inheritdoc/>
    public bool PartRequested
    {
        get
        {
            lock (gate)
                return pending is not null;
        }
    }

    private int Rank => current?.Members.FirstOrDefault(m => m.Member == member)?.Rank ?? -1;

    private long Generation => current?.Generation ?? 0;

    /// <summary>Starts to give signs of life.</summary>
    internal void BeginBeating()
    {
        new Thread(() =>
        {
            // Not a timer: its pool of threads may be busy while this process is well.
            while (pipe.TryWrite(new RankReport { Alive = new RankAlive { Phase = phase, Step = Interlocked.Read(ref step), RefusedConnections = listener?.RefusedCount ?? 0 } }))
                Thread.Sleep(BeatPeriod);
        })
        { IsBackground = true, Name = "signs of life", Priority = ThreadPriority.AboveNormal }.Start();
    }

    /// <summary>Reports that the rank is ready to be a member of a generation, whose connections arrive at this listener.</summary>
    internal void ReportReady(RankReady ready, DataPlaneListener dataPlane)
    {
        (readiness, listener) = (ready, dataPlane);
        pipe.TryWrite(new RankReport { Ready = ready });
    }

    /// <summary>Reports that this joiner is ready and no donor has come.</summary>
    internal void ReportNoDonor()
    {
        if (readiness is { } ready)
            pipe.TryWrite(new RankReport { Ready = new RankReady(ready) { AwaitsDonor = true } });
    }

    /// <summary>Notes that the rank shall stop at the next border.</summary>
    internal void RequestStop() => stopRequested = true;

    /// <summary>Takes in the answer to a proposal.</summary>
    internal void Decide(CheckpointDecision decision) => decisions.Writer.TryWrite(decision);

    /// <summary>Takes in a donation that this process shall give.</summary>
    internal void Donate(DonateState order)
    {
        lock (gate)
        {
            if (order.Generation == Generation)
                donation = order;
        }
    }

    /// <summary>
    /// Takes in a generation. Unless its predecessor shall end at a border, whatever is under way for that one is given up; the same
    /// generation may come again, without waiting for its border any more.
    /// </summary>
    internal void Form(FormGeneration form)
    {
        lock (gate)
        {
            var isUrged = pending is { AtBorder: true } waiting && waiting.Generation == form.Generation && !form.AtBorder;
            if (!isUrged && form.Generation <= Math.Max(Generation, pending?.Generation ?? 0))
                return;
            pending = form;
            reception?.CancelSoon();
            if (!form.AtBorder)
            {
                forming.Cancel();
                collective?.Abort(Replacement(form));
            }
        }

        formArrived.Release();
    }

    /// <summary>Waits for the next generation and makes it the present one; null when none came within the limit.</summary>
    /// <param name="limit">Longest wait.</param>
    /// <param name="superseded">Cancelled when a newer one arrives that does not wait for a border.</param>
    internal FormGeneration? AwaitForm(TimeSpan limit, out CancellationToken superseded)
    {
        superseded = default;
        if (!HasPending && !formArrived.Wait(limit))
            return null;
        lock (gate)
        {
            if (pending is null)
                return null;
            (current, pending) = (pending, null);
            forming.Dispose();
            forming = new CancellationTokenSource();
            superseded = forming.Token;
            donation = null;
            return current;
        }
    }

    /// <summary>Names the group that a newer generation shall break; null when it is gone.</summary>
    internal void Attach(ICollective? group)
    {
        lock (gate)
        {
            collective = group;
            if (group is not null && pending is { AtBorder: false })
                group.Abort(Replacement(pending));
        }
    }

    /// <summary>Names the reception that a generation shall end; null when it is over.</summary>
    internal void Attach(StateReception? receiving)
    {
        lock (gate)
        {
            reception = receiving;
            if (pending is not null)
                receiving?.CancelSoon();
        }
    }

    /// <inheritdoc/>
    public DonateState? TakeDonation()
    {
        lock (gate)
        {
            var order = donation;
            donation = null;
            return order;
        }
    }

    /// <inheritdoc/>
    public void EnterPhase(string phase, long step)
    {
        // Phases within a step follow each other every few milliseconds: only those that last are sent at once.
        if (phase is "checkpoint" or "evaluation" or "forming" or "waiting" && phase != this.phase)
            pipe.TryWrite(new RankReport { Progress = Progress(phase, step) });
        Interlocked.Exchange(ref this.step, step);
        this.phase = phase;
    }

    /// <inheritdoc/>
    public void ReportStep(long step, StepTimes times, StepMetrics? metrics)
    {
        var progress = Progress("training", step);
        progress.StepSeconds = times.Total.TotalSeconds;
        progress.DataSeconds = times.Data.TotalSeconds;
        progress.ComputeSeconds = times.Compute.TotalSeconds;
        progress.ReduceSeconds = times.Reduce.TotalSeconds;
        progress.SentBytes.AddRange(times.Sent.Select(s => s.Bytes));
        progress.TravelSeconds.AddRange(times.Sent.Select(s => s.Travel.TotalSeconds));
        progress.Metrics = metrics;
        phase = "training";
        pipe.TryWrite(new RankReport { Progress = progress });
    }

    /// <inheritdoc/>
    public void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics)
    {
        var progress = Progress("training", step);
        progress.Validation.AddRange(metrics);
        pipe.TryWrite(new RankReport { Progress = progress });
    }

    /// <summary>Reports that the generation is formed and agreed.</summary>
    internal void ReportFormed(TimeSpan connecting, Agreement agreement) => pipe.TryWrite(new RankReport
    {
        Formed = new RankFormed
        {
            JobId = jobId, Generation = Generation, Rank = Rank, Member = member, Step = agreement.Step, ConnectSeconds = connecting.TotalSeconds,
            AgreeSeconds = agreement.Agreeing.TotalSeconds, CatchUpSeconds = agreement.CatchingUp.TotalSeconds, CaughtUp = agreement.Taken.ToString().ToLowerInvariant(),
        },
    });

    /// <summary>Reports that the generation broke and this rank waits with its state.</summary>
    internal void ReportInterrupted(long appliedStep, CollectiveException cause)
    {
        var (peer, timedOut) = cause switch
        {
            PeerLostException lost => (lost.Peer, false),
            PeerUnreachableException cutOff => (cutOff.Peers[0], true),
            CollectiveTimeoutException silent => (silent.Peer, true),
            FormationException formation => (formation.Peer ?? -1, true),
            _ => (-1, false),
        };
        var interrupted = new RankInterrupted
        {
            JobId = jobId, Generation = Generation, Rank = Rank, Member = member, Step = appliedStep, Phase = phase, LostPeer = peer, TimedOut = timedOut, Cause = cause.Message,
        };
        if (cause is PeerUnreachableException unreachable)
            interrupted.UnreachablePeers.AddRange(unreachable.Peers);
        pipe.TryWrite(new RankReport { Interrupted = interrupted });
    }

    /// <summary>Reports that this joiner has a peer's state but for the steps in flight.</summary>
    internal void ReportCaughtUp(long appliedStep)
        => pipe.TryWrite(new RankReport { CaughtUp = new RankCaughtUp { JobId = jobId, Member = member, Step = appliedStep } });

    /// <inheritdoc/>
    public void Warn(string code, string text)
    {
        Log($"{code} {text}");
        pipe.TryWrite(new RankReport
        {
            Warning = new RankWarning { JobId = jobId, Generation = Generation, Rank = Rank, Member = member, Code = code, Text = text },
        });
    }

    /// <inheritdoc/>
    public void Log(string line) => Console.Error.WriteLine(line);

    /// <inheritdoc/>
    public void Propose(CheckpointProposal proposal) => pipe.TryWrite(new RankReport { Checkpoint = proposal });

    /// <inheritdoc/>
    public CheckpointDecision? AwaitDecision(TimeSpan limit)
    {
        if (decisions.Reader.TryRead(out var known))
            return known;
        using var timeout = new CancellationTokenSource(limit > TimeSpan.Zero ? limit : TimeSpan.Zero);
        try
        {
            return decisions.Reader.ReadAsync(timeout.Token).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private bool HasPending => PartRequested;

    private OperationCanceledException Replacement(FormGeneration form) => new($"Generation {form.Generation} takes the place of generation {Generation}.");

    private RankProgress Progress(string phase, long step)
        => new() { JobId = jobId, Generation = Generation, Rank = Rank, Member = member, Step = step, Phase = phase };
}
