using System.Collections.Immutable;
using Xunit.Sdk;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>
/// Random walks: kills, hangs, resets, lost workers, broken streams, joins, drains, coordinator restarts, stops, resubmits and reports of the
/// past, in any order. The same walks catch machines that are broken on purpose.
/// </summary>
public sealed class JobWalkTests
{
    private const int SeedCount = 500, MoveCount = 1000, MutantSeedCount = 400;

    [Fact]
    public void InvariantsHoldAfterEveryMoveAndTheJobEndsOnceFaultsDo()
    {
        int formed = 0, joined = 0, left = 0, regroups = 0;
        var phases = new Dictionary<JobPhase, int>();
        for (var seed = 0UL; seed < SeedCount; seed++)
        {
            var world = Walk(seed, null);
            formed += world.FormedCount;
            joined += world.JoinedCount;
            left += world.LeftCount;
            regroups += world.State.Regroups;
            phases[world.State.Phase] = phases.GetValueOrDefault(world.State.Phase) + 1;
        }

        // The walks must reach what they are for.
        var reached = $"{formed} generations were formed, {joined} by joiners, {left} by leavers, {regroups} from memory; walks ended {string.Join(", ", phases)}";
        Assert.True(formed > 2 * SeedCount && joined > SeedCount / 4 && left > SeedCount / 50 && regroups > 2 * SeedCount, reached);
        foreach (var phase in new[] { JobPhase.Succeeded, JobPhase.Preempted, JobPhase.Cancelled, JobPhase.Failed })
            Assert.True(phases.GetValueOrDefault(phase) > 4, reached);
    }

    /// <summary>A machine that bumps no generation when it regroups: two memberships have the same name.</summary>
    [Fact]
    public void ARegroupWithoutANewGenerationIsCaught() => Caught((machine, state, command, now) =>
    {
        var right = machine.Apply(state, command, now);
        return right.State.Regroups == state.Regroups
            ? right
            : right with
            {
                State = right.State with { Generation = state.Generation },
                Effects = [.. right.Effects.Select(e => e is JobEffect.FormGeneration form ? form with { Generation = state.Generation } : e)],
            };
    });

    /// <summary>A machine that takes the word of an older generation for the present one's.</summary>
    [Fact]
    public void AWordOfAnOlderGenerationThatCountsIsCaught()
        => Caught((machine, state, command, now) => machine.Apply(state, command is JobCommand.RankFormed formed ? formed with { Generation = state.Generation } : command, now));

    /// <summary>A machine that counts the reports of a save instead of its shards: one that came twice stands for another that is missing.</summary>
    [Fact]
    public void AShardThatCountsTwiceIsCaught() => Caught((machine, state, command, now) =>
    {
        if (command is not JobCommand.CheckpointProposed { Draft: { Error.Length: 0 } draft } proposed || state.Save is not { } save
            || (save.Generation, save.Step, save.Attempt) != (proposed.Generation, draft.Step, draft.Attempt) || save.Shards.All(s => s.Shard != draft.Shard))
            return machine.Apply(state, command, now);
        var free = Enumerable.Range(1, save.ShardCount).FirstOrDefault(n => save.Shards.All(s => s.Shard != n), draft.Shard);
        return machine.Apply(state, proposed with { Draft = draft with { Shard = free } }, now);
    });

    /// <summary>A machine that takes a dead rank along.</summary>
    [Fact]
    public void ADeadRankThatStaysAMemberIsCaught()
        => Caught((machine, state, command, now) => command is JobCommand.RankExited { Ending: RankEnding.None, Fatal: false } exited && state.Seats.Any(s => s.Member == exited.Member)
            ? JobTransition.Passing(state, "whatever")
            : machine.Apply(state, command, now));

    /// <summary>A machine that grows past the job's maximum.</summary>
    [Fact]
    public void GrowthPastTheMaximumIsCaught() => Caught((machine, state, command, now) =>
    {
        var workers = state.Spec.Workers;
        var greedy = state with { Spec = state.Spec with { Workers = workers with { Max = workers.Max + 1 } } };
        var wrong = machine.Apply(greedy, command, now);
        return command is JobCommand.Submit ? machine.Apply(state, command, now) : wrong with { State = wrong.State with { Spec = state.Spec } };
    });

    /// <summary>A machine that lets whoever first says that its generation broke go on alone.</summary>
    [Fact]
    public void ALoneRankThatFormsAWorldIsCaught() => Caught((machine, state, command, now) =>
    {
        if (command is not JobCommand.RankInterrupted interrupted || interrupted.Generation != state.Generation || state.Phase != JobPhase.Running)
            return machine.Apply(state, command, now);
        var alone = state.Without([.. state.Seats.Where(s => s.Member != interrupted.Member).Select(s => s.Member)]);
        return machine.Apply(alone, alone.Seats.Length == 1 ? interrupted with { LostRank = -1 } : interrupted, now);
    });

    /// <summary>A machine that goes back to a checkpoint although ranks hold a newer state.</summary>
    [Fact]
    public void AReturnToACheckpointWithoutNeedIsCaught()
        => Caught((machine, state, command, now) => command is JobCommand.RankExited { Ending: RankEnding.None } exited && state.Seats.Any(s => s.Member == exited.Member)
            ? machine.Apply(state with { Seats = [.. state.Seats.Select(s => s with { HasState = false })] }, command, now)
            : machine.Apply(state, command, now));

    private static void Caught(JobAnswer broken)
    {
        for (var seed = 0UL; seed < MutantSeedCount; seed++)
        {
            try
            {
                Walk(seed, broken);
            }
            catch (XunitException)
            {
                return;
            }
        }

        Assert.Fail($"{MutantSeedCount} walks did not notice that the machine is broken");
    }

    private static JobWorld Walk(ulong seed, JobAnswer? answer)
    {
        var world = new JobWorld(seed, answer);
        try
        {
            for (var move = 0; move < MoveCount; move++)
            {
                world.Move(withFaults: true);
                world.Check();
            }

            Assert.True(world.Settle(), $"the job is {world.State.Phase} ({world.State.Wait}, {world.State.Reason}) and does not end");
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new XunitException($"seed {seed}: {error.Message}\n{string.Join('\n', world.Trace.TakeLast(30))}\n{error.StackTrace}");
        }

        return world;
    }
}
