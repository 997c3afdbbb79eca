using System.Collections.Immutable;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>What agents and rank processes do.</summary>
internal sealed partial class JobWorld
{
    private readonly SortedDictionary<long, SimGroup> groups = [];

    /// <summary>A worker takes its next order.</summary>
    private void Down(SimAgent agent)
    {
        if (!agent.Orders.TryDequeue(out var order))
            return;
        switch (order)
        {
            case JobEffect.StartRanks start:
                foreach (var member in start.Members)
                    agent.Processes.Add(member, new SimProcess(member, start.Joining, State.Base?.Step ?? 0));
                break;
            case JobEffect.FormGeneration form:
                foreach (var process in agent.Processes.Values.ToArray())
                    Told(agent, process, form);
                break;
            case JobEffect.DonateState donate when Process(donate.Joiner) is { } joiner && random.Next(4) > 0: // or it comes in the wrong generation
                joiner.Donor = donate.Donor;
                break;
            case JobEffect.StopRanks stop:
                foreach (var process in agent.Processes.Values.Where(p => stop.Members.IsEmpty ? p.Generation <= stop.Generation : stop.Members.Contains(p.Member)).ToArray())
                {
                    if (stop.WithCheckpoint)
                        process.MustStop = true;
                    else
                        Exit(agent, process, RankEnding.None, fatal: false);
                }

                break;
            case JobEffect.SendVerdict verdict when agent.Processes.TryGetValue(verdict.Member, out var saved) && saved.Group is { } group:
                if (group.Save is not { } save || (save.Step, save.Attempt, group.Generation) != (verdict.Step, verdict.Attempt, verdict.Generation))
                    break;
                group.Save = null;
                group.IsSaved |= verdict.Seq > 0 && verdict.Step == saved.Step && group.IsStopping;
                break;
        }
    }

    /// <summary>A process hears of a generation: it goes there at once, at the next border, or leaves.</summary>
    private void Told(SimAgent agent, SimProcess process, JobEffect.FormGeneration form)
    {
        if (form.Generation <= process.Generation || form.Generation < (process.Pending?.Generation ?? 0) || form.Generation <= (process.Entering?.Generation ?? 0))
            return;
        process.Pending = form;
        // A hung process does nothing with what it was told, until it runs again.
        if (!process.IsHung && (!form.AtBorder || process.IsWaiting))
            Follow(agent, process);
    }

    private void Follow(SimAgent agent, SimProcess process)
    {
        var form = process.Pending!;
        process.Pending = null;
        Abandon(process, 0);
        if (form.Members.All(m => m.Member != process.Member))
        {
            if (process.IsReady && process.Step >= 0 && process.Generation > 0)
            {
                agent.Reports.Enqueue(new JobCommand.RankFinished(process.Member, agent.Id, RankEnding.Left, process.Step));
                Exit(agent, process, RankEnding.Left, fatal: false);
            }

            return;
        }

        if (!groups.TryGetValue(form.Generation, out var group))
            groups[form.Generation] = group = new SimGroup(form);
        process.Entering = group;
        group.Entered.Add(process.Member);
    }

    /// <summary>Leaves a generation, which breaks it for those that stay unless it is over.</summary>
    private static void Abandon(SimProcess process, int lost)
    {
        if (process.Group is { IsOver: false } group)
            group.Break(group.RankOf(process.Member) + lost);
        if (process.Entering is { } entering)
        {
            entering.Entered.Remove(process.Member);
            entering.Break(entering.RankOf(process.Member));
        }

        (process.Group, process.Entering) = (null, null);
    }

    /// <summary>A process makes progress: gets ready, copies, connects, notices, steps, saves, ends.</summary>
    private void Work(SimAgent agent)
    {
        if (agent.Processes.Count == 0)
            return;
        var process = Pick(agent);
        if (process.IsHung)
            return;
        if (!process.IsReady)
        {
            process.IsReady = true;
            agent.Reports.Enqueue(Ready(agent, process));
        }
        else if (process.Pending is { } pending && (process.IsWaiting || !pending.AtBorder))
            Follow(agent, process);
        else if (process.Entering is { } entering)
            Enter(agent, process, entering);
        else if (process.Group is { } group)
            Train(agent, process, group);
        else if (process.Donor != 0 && !process.SaidCaughtUp)
            CatchUp(agent, process);
        else if (process is { Step: < 0, Generation: 0, SaidCaughtUp: false } && random.Next(8) == 0)
            agent.Reports.Enqueue(Ready(agent, process) with { AwaitsDonor = true });
    }

    private static JobCommand.RankReady Ready(SimAgent agent, SimProcess process)
        => new(process.Member, agent.Id, $"{agent.Id}:{process.Member}", 1, $"{agent.Incarnation}", JobSamples.Environment(agent.Capability));

    private void CatchUp(SimAgent agent, SimProcess process)
    {
        // A donor that is gone leaves the joiner without a state: its generation gives it one.
        process.Step = Process(process.Donor)?.Step ?? process.Step;
        process.SaidCaughtUp = true;
        agent.Reports.Enqueue(new JobCommand.RankCaughtUp(process.Member, agent.Id, process.Step));
    }

    private void Enter(SimAgent agent, SimProcess process, SimGroup group)
    {
        var members = group.Members.Select(m => Process(m.Member)).ToArray();
        if (group.Broken is { } lost || members.Any(m => m is null || (m.Entering != group && m.Generation > group.Generation)))
        {
            Interrupt(agent, process, group, group.Broken ?? -1);
            return;
        }

        if (!group.IsFormed)
        {
            if (members.Any(m => m!.Entering != group || m.IsHung))
                return;
            // All have connected: they agree on the newest step, and whoever has not got it takes it over.
            group.IsFormed = true;
            var agreed = members.Max(m => m!.Step);
            Agreed(group, agreed);
            foreach (var member in members)
                member!.Step = agreed;
        }

        (process.Group, process.Entering, process.Generation, process.SaidCaughtUp) = (group, null, group.Generation, true);
        agent.Reports.Enqueue(new JobCommand.RankFormed(group.Generation, process.Member, agent.Id, process.Step));
    }

    private void Interrupt(SimAgent agent, SimProcess process, SimGroup group, int lost)
    {
        Abandon(process, 0);
        // The agent says which generation the process was in, also one it was only connecting to.
        agent.Reports.Enqueue(new JobCommand.RankInterrupted(group.Generation, process.Member, agent.Id, process.Step, lost, "connection reset"));
    }

    private void Train(SimAgent agent, SimProcess process, SimGroup group)
    {
        var members = group.Members.Select(m => Process(m.Member)).ToArray();
        if (group.IsOver)
            process.Group = null; // parted at the border; it waits for the order to form
        else if (group.Broken is { } lost)
            Interrupt(agent, process, group, lost);
        else if (members.FirstOrDefault(m => m is { IsHung: true }) is { } hung)
        {
            if (random.Next(20) == 0)
                Interrupt(agent, process, group, group.RankOf(hung.Member));
        }
        else if (members.All(m => m?.Group == group))
            Together(agent, process, group, [.. members.OfType<SimProcess>()]);
    }

    private void Together(SimAgent agent, SimProcess process, SimGroup group, SimProcess[] members)
    {
        var total = State.Extent.TotalSteps;
        group.IsStopping |= process.Step >= Target;
        var isFirst = group.Members[0].Member == process.Member;
        if (group.IsSaved)
        {
            var ending = process.Step >= total ? RankEnding.Completed : RankEnding.Stopped;
            // All wait for the last checkpoint and end after it, whatever becomes of the others.
            foreach (var (owner, member) in members.Select(m => (agents.First(a => a.Processes.ContainsKey(m.Member)), m)))
            {
                owner.Reports.Enqueue(new JobCommand.RankFinished(member.Member, owner.Id, ending, member.Step));
                group.IsOver = true;
                Exit(owner, member, ending, fatal: false);
            }
        }
        else if (group.Save is { } save && agent.IsConnected && random.Next(save.Reported.Contains(process.Member) ? 20 : 3) == 0)
        {
            save.Reported.Add(process.Member);
            agent.Reports.Enqueue(new JobCommand.CheckpointProposed(group.Generation, process.Member, agent.Id, Shard(group, process, save)));
        }
        else if (isFirst && group.Save?.Step != process.Step && (group.IsStopping || (group.Save is null && process.Step > 0 && process.Step % 5 == 0 && random.Next(4) == 0 && State.Base?.Step != process.Step)))
        {
            // The last save does not wait for what becomes of one before it.
            group.Save = new SimSave(process.Step, ++group.Attempts);
        }
        else if (group.IsStopping)
        {
            return;
        }
        else
        {
            Step(group, members);
        }
    }

    private CheckpointDraft Shard(SimGroup group, SimProcess process, SimSave save)
    {
        if (save.Drafts.TryGetValue(process.Member, out var said))
            return said;
        var draft = JobSamples.Draft(save.Step, save.Attempt, shard: group.RankOf(process.Member) + 1, of: group.Members.Count);
        return save.Drafts[process.Member] = random.Next(40) == 0
            ? draft with { Error = "KD-S101 No space." }
            : draft with { Files = [new DraftFile($"{save.Step} {save.Attempt} {draft.Shard}", 1, "00", 1)] };
    }

    private long Target => State.StopAfterStep > 0 ? Math.Min(State.StopAfterStep, State.Extent.TotalSteps) : State.Extent.TotalSteps;

    private void Step(SimGroup group, SimProcess[] members)
    {
        foreach (var member in members)
            member.Step++;
        Stepped(group, members[0].Step);
        var first = agents.First(a => a.Processes.ContainsKey(members[0].Member));
        if (first.IsConnected)
            first.Reports.Enqueue(new JobCommand.RankProgressed(group.Generation, members[0].Member, first.Id, members[0].Step));
        group.IsStopping |= members.Any(m => m.MustStop) || members[0].Step >= Target;
        if (group.IsStopping || members.All(m => m.Pending is not { AtBorder: true }))
            return;
        // One of them knows the next generation: all part here.
        group.IsOver = true;
        foreach (var member in members)
            member.Group = null;
    }

    private SimProcess? Process(long member) => agents.Select(a => a.Processes.GetValueOrDefault(member)).FirstOrDefault(p => p is not null);

    private SimProcess Pick(SimAgent agent) => agent.Processes.Values.ElementAt(random.Next(agent.Processes.Count));

    private void Hang(SimAgent agent)
    {
        if (agent.Processes.Count > 0 && Pick(agent) is { IsHung: false } process)
            (process.IsHung, process.WasHung, process.HungSince) = (true, true, now);
    }

    /// <summary>A connection between two members of the newest generation breaks.</summary>
    private void Reset()
    {
        if (groups.Count > 0 && groups.Last().Value is { IsOver: false } group)
            group.Break(random.Next(group.Members.Count));
    }

    private static void Exit(SimAgent agent, SimProcess process, RankEnding ending, bool fatal)
    {
        Abandon(process, 0);
        agent.Processes.Remove(process.Member);
        agent.Reports.Enqueue(new JobCommand.RankExited(process.Member, agent.Id, ending, "was killed", fatal, RankPlace.Unknown));
    }

    /// <summary>The machine is gone: nobody reports anything.</summary>
    private static void Perish(SimAgent agent)
    {
        foreach (var process in agent.Processes.Values)
            Abandon(process, 0);
        agent.Processes.Clear();
    }
}
