using Xunit.Sdk;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>Random walks: kills, lost workers, broken streams, coordinator restarts, stops, resubmits and repeated reports, in any order.</summary>
public sealed class JobMachineWalkTests
{
    private const int SeedCount = 1000, MoveCount = 1000;

    [Fact]
    public void InvariantsHoldAfterEveryMoveAndTheJobEndsOnceFaultsDo()
    {
        var formed = 0;
        var phases = new Dictionary<JobPhase, int>();
        for (var seed = 0UL; seed < SeedCount; seed++)
        {
            var world = new JobWorld(seed);
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

            formed += world.FormedCount;
            phases[world.State.Phase] = phases.GetValueOrDefault(world.State.Phase) + 1;
        }

        // The walk must reach what it is for.
        var reached = $"{formed} generations were formed; walks ended {string.Join(", ", phases)}";
        Assert.True(formed > 5 * SeedCount, reached);
        foreach (var phase in new[] { JobPhase.Succeeded, JobPhase.Preempted, JobPhase.Cancelled, JobPhase.Failed })
            Assert.True(phases.GetValueOrDefault(phase) > 10, reached);
    }
}
