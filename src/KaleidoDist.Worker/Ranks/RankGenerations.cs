using System.Net.Sockets;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Training;

namespace KaleidoDist.Worker;

/// <summary>
/// The generations a rank process goes through with one piece of work: form, agree, work, and when the group breaks or parts, wait for the next.
/// A rank never decides who its peers are (decision 0008). Runs on the rank thread.
/// </summary>
internal sealed class RankGenerations(TrainerSetup setup, RankStart start, IRankWork work, DataPlaneListener listener, RankPort port, TimeProvider time)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    // A peer may be in the middle of a leaf when a generation breaks: it can come only after it.
    private static readonly TimeSpan ShortestFormation = TimeSpan.FromSeconds(10);
    private const int FormationSteps = 2;

    // A donor begins at its next step border; one that is told and cannot come is not waited for longer.
    private static readonly TimeSpan DonorPatience = TimeSpan.FromSeconds(30);

    private readonly JobSpec spec = setup.Spec;

    /// <summary>Runs until the job or this rank's part in it is over.</summary>
    internal RankOutcome Run()
    {
        if (start.Joining)
            ReceiveState();
        while (true)
        {
            if (AwaitForm(out var superseded) is not { } form)
                return RankOutcome.Stopped;
            if (form.Members.FirstOrDefault(m => m.Member == start.Member) is not { } me)
            {
                port.Log($"generation {form.Generation} does without this rank; it leaves at step {work.Step}");
                return RankOutcome.Left;
            }

            try
            {
                if (Serve(form, me.Rank, superseded) is { } outcome)
                    return outcome;
            }
            catch (CollectiveException broken)
            {
                port.Log($"generation {form.Generation} broke: {broken.Message}");
                if (listener.RefusedCount > 0)
                    port.Log($"{listener.RefusedCount} connections were refused so far");
                port.ReportInterrupted(work.Step, broken);
            }
            catch (OperationCanceledException) when (superseded.IsCancellationRequested)
            {
                port.Log($"generation {form.Generation} was replaced before it formed");
            }
        }
    }

    /// <summary>Works in one generation; null when the next one takes over.</summary>
    private RankOutcome? Serve(FormGeneration form, int rank, CancellationToken superseded)
    {
        port.EnterPhase("forming", work.Step);
        var begin = time.GetTimestamp();
        using var collective = Connect(form, rank, superseded);
        port.Attach(collective);
        try
        {
            var connecting = time.GetElapsedTime(begin);
            var agreement = work.Agree(collective, port);
            port.ReportFormed(connecting, agreement);
            port.Log($"generation {form.Generation}: rank {rank} of {form.Members.Count} at step {agreement.Step} over {collective.Route} ({agreement.Taken.ToString().ToLowerInvariant()} taken over; connected in {connecting.TotalMilliseconds:0} ms, agreed in {agreement.Agreeing.TotalMilliseconds:0} ms, caught up in {agreement.CatchingUp.TotalMilliseconds:0} ms)");
            return work.Run(form, collective, port) switch
            {
                TrainingEnd.Completed => RankOutcome.Completed,
                TrainingEnd.Stopped => RankOutcome.Stopped,
                _ => null,
            };
        }
        finally
        {
            port.Attach((ICollective?)null);
        }
    }

    private ICollective Connect(FormGeneration form, int rank, CancellationToken superseded)
    {
        var members = form.Members.OrderBy(m => m.Rank).Select(m => new Contracts.RankMember(m.Rank, m.WorkerId, m.Host, m.Endpoint));
        var membership = new Membership(start.JobId, form.Generation, [.. members], form.SessionKey.Memory);
        return GradientCollective.Form(membership, rank, listener, Options(), spec.Training.Reduction, work.Replica?.GpuMemory, superseded);
    }

    private CollectiveOptions Options() => new()
    {
        VirtualRankCount = spec.Training.VirtualRanks,
        FormationTimeout = ShortestFormation + (FormationSteps * work.LastStepTime),
    };

    /// <summary>The next generation; null when this rank was told to stop before it had a state to hand over.</summary>
    private FormGeneration? AwaitForm(out CancellationToken superseded)
    {
        port.EnterPhase("waiting", work.Step);
        var hasServed = work.Replica?.LastApplied is not null;
        FormGeneration? form;
        while ((form = port.AwaitForm(Glance, out superseded)) is null)
        {
            if (port.StopRequested && !hasServed)
                return null;
        }

        return form;
    }

    /// <summary>A joiner's time before its first generation: takes a peer's state as it is offered, and leaves when a generation forms.</summary>
    private void ReceiveState()
    {
        port.EnterPhase("joining", work.Step);
        if (work.Replica is not { } state)
        {
            port.ReportCaughtUp(work.Step);
            return;
        }

        var isCaughtUp = false;
        var since = time.GetTimestamp();
        while (AwaitDonor(isCaughtUp, ref since) is { } socket)
        {
            using var reception = new StateReception(setup, state, port, time);
            port.Attach(reception);
            reception.Receive(socket, start.DonationKey.Memory, CaughtUp);
            port.Attach((StateReception?)null);
        }

        void CaughtUp(long step)
        {
            isCaughtUp = true;
            port.ReportCaughtUp(step);
        }
    }

    /// <summary>The next connection; null when a generation forms or the rank is told to stop. A joiner that still needs a donor says so now and then.</summary>
    private Socket? AwaitDonor(bool isCaughtUp, ref long since)
    {
        while (!port.PartRequested && !port.StopRequested)
        {
            if (listener.TryAccept() is { } socket)
                return socket;
            if (!isCaughtUp && time.GetElapsedTime(since) > DonorPatience)
            {
                port.ReportNoDonor();
                since = time.GetTimestamp();
            }

            Thread.Sleep(Glance / 10);
        }

        return null;
    }
}
