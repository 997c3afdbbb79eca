using System.Collections.Immutable;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>What must hold, after every move and in every transition.</summary>
internal sealed partial class JobWorld
{
    private readonly Dictionary<long, string> orders = [];
    private readonly HashSet<long> removed = [];
    private long newestFormed, committedStep, fenced;

    public int FormedCount { get; private set; }

    public int JoinedCount { get; private set; }

    public int LeftCount { get; private set; }

    /// <summary>What must hold after every move.</summary>
    public void Check()
    {
        foreach (var count in pool.Counts().Where(c => c.Slots > 0))
            Assert.True(count.InUse <= count.Slots, $"{count.WorkerId} uses {count.InUse} of {count.Slots} slots");
        foreach (var agent in agents)
            Assert.True(agent.Processes.Count <= SlotsPerWorker, $"{agent.Id} runs {agent.Processes.Count} ranks on {SlotsPerWorker} slots");
        var generations = folder.Entries.Select(e => e.Generation).ToArray();
        Assert.True(generations.SequenceEqual(generations.Order()), "an older generation committed after a newer one");
    }

    /// <summary>A generation makes a step: only the newest that ever did, and each step once.</summary>
    private void Stepped(SimGroup group, long step)
    {
        if (group.Generation <= fenced)
            return; // the job went back to a checkpoint; nothing of this takes effect
        if (group.Generation < newestFormed)
        {
            // Ranks that the coordinator gave up and that need none of the others train on, unheard, until they are told to end.
            var present = groups[newestFormed].Members.Select(m => m.Member).ToHashSet();
            Assert.True(group.Members.All(m => !present.Contains(m.Member)), $"generation {group.Generation} made a step after generation {newestFormed} was formed: two live ones");
            return;
        }

        Assert.Equal(committedStep + 1, step);
        committedStep = step;
    }

    private void Agreed(SimGroup group, long step)
    {
        if (group.Generation <= fenced)
            return;
        Assert.True(step >= 0, $"generation {group.Generation} has no member with a state");
        // A member that formed a generation before has every step; only where none is left joiners go on from what they copied.
        var hasMember = group.Members.Any(m => Process(m.Member)!.Generation > 0);
        Assert.True(step == committedStep || (step < committedStep && !hasMember), $"generation {group.Generation} goes on from step {step}; {committedStep} steps were made");
        Assert.True(group.Generation > newestFormed, $"generation {group.Generation} was formed after generation {newestFormed}");
        (committedStep, newestFormed) = (step, group.Generation);
        FormedCount++;
    }

    private void Require(JobState before, JobCommand command, JobTransition transition)
    {
        var after = transition.State;
        Assert.True(after.Generation >= before.Generation, "the generation went back");
        Assert.True(after.NextMember >= before.NextMember, "member ids went back");
        Assert.True(after.Revision >= before.Revision, "the revision went back");
        Assert.True(after.Revision > before.Revision == transition.Durable, "a revision that is not durable, or the reverse");
        if (before.Phase.IsAtRest() && after.Phase != before.Phase)
            Assert.True(command is JobCommand.Submit || (before.Phase == JobPhase.Preempted && after.Phase == JobPhase.Cancelled), $"{command} moved a job at rest");
        Assert.False(after.Phase != before.Phase && !transition.Durable, "a phase changed without a write");
        Assert.False(after.Generation != before.Generation && !transition.Durable, "a generation began without a write");
        RequireMembers(before, command, after);
        if (after.Restarts > before.Restarts)
            RequireNoSurvivor(before, command);
        foreach (var effect in transition.Effects)
            RequireEffect(effect, transition);
    }

    /// <summary>The job goes back to a checkpoint: whoever was not lost with this command has no state.</summary>
    private static void RequireNoSurvivor(JobState before, JobCommand command)
    {
        var (worker, member) = command switch
        {
            JobCommand.RankExited exited => ("", exited.Member),
            JobCommand.WorkerLost lost => (lost.WorkerId, 0),
            JobCommand.WorkerRegistered registered => (registered.WorkerId, 0),
            _ => ("any", 0),
        };
        Assert.True(
            worker == "any" || before.Stop == StopWish.Release || before.Aboard.All(s => !s.HasState || s.WorkerId == worker || s.Member == member),
            "back to a checkpoint while ranks hold a state in memory");
    }

    private void RequireMembers(JobState before, JobCommand command, JobState after)
    {
        var everyone = after.Everyone.Select(s => s.Member).ToArray();
        Assert.True(everyone.Length == everyone.Distinct().Count(), "a member is in two places");
        Assert.True(everyone.All(m => m > 0 && m < after.NextMember), "a member that was never numbered");
        Assert.Equal(Enumerable.Range(0, after.Seats.Length), after.Seats.Select(s => s.Rank));
        Assert.True(Math.Max(after.Seats.Length, after.Aboard.Count() + after.Joiners.Length) <= after.MaxWorld || after.Wait == JobWait.Exits, "more processes than the job may have");
        Assert.True(after.Phase != JobPhase.Running || !after.Seats.IsEmpty, "nobody trains");
        foreach (var gone in before.Everyone.Select(s => s.Member).Except(everyone))
            removed.Add(gone);
        Assert.True(!everyone.Any(removed.Contains), $"member {everyone.FirstOrDefault(removed.Contains)} came back after its removal");
        if (command is JobCommand.RankExited { Ending: RankEnding.None } exited)
            Assert.True(after.Aboard.All(s => s.Member != exited.Member || s.WorkerId != exited.WorkerId), $"member {exited.Member} is dead and still seated");
        if (command is JobCommand.RankInterrupted && before.Interruption is null && before.Suspects.IsEmpty && before.Quarrel is null && after.Phase != JobPhase.Failed)
            Assert.True(before.Aboard.Select(s => s.Member).Except(everyone).Count() == 0, "the first word of an interruption removed somebody");
        if (before.Formation is not null && after is { Formation: null, Phase: JobPhase.Running } && before.Generation == after.Generation)
        {
            foreach (var seat in after.Seats)
                Assert.True(Process(seat.Member) is not { } process || process.Generation >= after.Generation, $"member {seat.Member} did not form generation {after.Generation}");
            JoinedCount += before.Formation.AtBorder && before.Leavers.IsEmpty ? 1 : 0;
            LeftCount += before.Formation.AtBorder && !before.Leavers.IsEmpty ? 1 : 0;
        }

        if (after.Phase == JobPhase.Running && after.Stop == StopWish.None && after.Step < after.Extent.TotalSteps && after.Formation is null && after.Seats.All(s => s.IsAboard) && after.StopAfterStep == 0)
            Assert.True(after.Seats.Length >= after.Spec.Workers.Min || before.Phase == JobPhase.Running, $"{after.Seats.Length} ranks train; the job needs {after.Spec.Workers.Min}");
    }

    private void RequireEffect(JobEffect effect, JobTransition transition)
    {
        var after = transition.State;
        switch (effect)
        {
            case JobEffect.StartRanks start:
                Assert.True(transition.Durable, "processes started without a write");
                Assert.True(start.Members.All(m => after.Everyone.Any(s => s.Member == m)), "a process is started that has no place");
                break;
            case JobEffect.FormGeneration form:
                Assert.True(form.Generation == after.Generation || (form.Generation < after.Generation && orders.ContainsKey(form.Generation)), "an order to form a generation that is not written");
                Assert.Equal(Enumerable.Range(0, form.Members.Length), form.Members.Select(m => m.Rank));
                Assert.InRange(form.Members.Length, 1, after.MaxWorld);
                var members = string.Join(' ', form.Members.Select(m => m.Member));
                Assert.True(orders.TryAdd(form.Generation, members) || orders[form.Generation] == members, $"generation {form.Generation} has members {orders[form.Generation]} and then {members}");
                Assert.True(form.Generation < after.Generation || form.Members.Select(m => m.Member).SequenceEqual(after.Seats.Select(s => s.Member)), "an order with other members than are written");
                break;
            case JobEffect.DonateState donate:
                Assert.True(after.Seats.Any(s => s.Member == donate.Donor) && after.Joiners.Any(j => j.Member == donate.Joiner), "a donation between strangers");
                break;
            case JobEffect.StopRanks stop:
                Assert.True(stop.Generation <= after.Generation, "a generation that does not exist is stopped");
                break;
            case JobEffect.CommitCheckpoint commit:
                Assert.True(commit.Generation == after.Generation || (after.Formation is { AtBorder: true } && commit.Generation == after.Generation - 1), "a fenced generation commits");
                Assert.Equal(Enumerable.Range(1, commit.WorldSize).Select(shard => $"{commit.Draft.Step} {commit.Draft.Attempt} {shard}"), commit.Draft.Files.Select(f => f.Name));
                break;
        }

        // Back to a checkpoint: its step counts from now on.
        if (effect is JobEffect.FindCheckpoint)
            (committedStep, fenced) = (folder.Entries is [.., var last] ? last.Step : 0, after.Generation);
    }
}
