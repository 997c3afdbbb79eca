using System.Collections.Immutable;
using Xunit.Sdk;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>
/// Random walks: kills, hangs, resets, lost workers, broken streams, joins, drains, coordinator restarts, stops, resubmits and reports of the
/// past, in any order. The same walks catch machines that are broken on purpose.
/// </summary>
public sealed class JobWalkTests
{
    private const int SeedCount = 1000, MoveCount = 1500, MutantSeedCount = 400;

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
        Assert.True(formed > 5 * SeedCount && joined > SeedCount && left > SeedCount / 10 && regroups > 5 * SeedCount, reached);
        foreach (var phase in new[] { JobPhase.Succeeded, JobPhase.Preempted, JobPhase.Cancelled, JobPhase.Failed })
            Assert.True(phases.GetValueOrDefault(phase) > 10, reached);
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
