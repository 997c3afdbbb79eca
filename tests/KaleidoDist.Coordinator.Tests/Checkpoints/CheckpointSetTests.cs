using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>What makes a set of shards whole, and what never does.</summary>
public sealed class CheckpointSetTests
{
    private const long Generation = 3;

    [Fact]
    public void ASetIsWholeWhenEveryShardIsThereAndHasAllFilesInTheirOrder()
    {
        var waiting = Assert.IsType<SetMove.Waiting>(Add(null, Shard(2)));
        waiting = Assert.IsType<SetMove.Waiting>(Add(waiting.Set, Shard(3)));
        var complete = Assert.IsType<SetMove.Complete>(Add(waiting.Set, Shard(1)));
        Assert.Equal(["file-1", "file-2", "file-3"], complete.Whole.Files.Select(f => f.Name));
        Assert.Equal((40L, 1, "w"), (complete.Whole.Step, complete.Whole.Attempt, complete.Whole.WeightsXxh128));
    }

    [Fact]
    public void AShardThatComesAgainCountsOnceAndRemindsOfAWholeSet()
    {
        var waiting = Assert.IsType<SetMove.Waiting>(Add(null, Shard(2)));
        waiting = Assert.IsType<SetMove.Waiting>(Add(waiting.Set, Shard(2)));
        waiting = Assert.IsType<SetMove.Waiting>(Add(waiting.Set, Shard(1)));
        var complete = Assert.IsType<SetMove.Complete>(Add(waiting.Set, Shard(3)));
        Assert.Equal(complete.Whole.Files.AsEnumerable(), Assert.IsType<SetMove.Complete>(Add(complete.Set, Shard(2))).Whole.Files.AsEnumerable());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(4, 3)]
    [InlineData(1, 2)]
    [InlineData(1, 4)]
    public void AShardOfAnotherWorldCountsForNothing(int shard, int of)
        => Assert.Equal($"it is shard {shard} of {of}; generation 3 has 3", Assert.IsType<SetMove.Refused>(Add(null, Shard(shard) with { ShardCount = of })).Why);

    [Fact]
    public void AnOlderAttemptCountsForNothingAndANewerOneTakesItsPlace()
    {
        var set = Assert.IsType<SetMove.Waiting>(Add(null, Shard(1, attempt: 2))).Set;
        Assert.Equal("attempt 2 at step 40 has taken its place", Assert.IsType<SetMove.Refused>(Add(set, Shard(2))).Why);
        Assert.IsType<SetMove.Refused>(CheckpointSet.Add(set, Generation - 1, 3, Shard(2, step: 90)));
        Assert.Equal([2], Assert.IsType<SetMove.Waiting>(Add(set, Shard(2, step: 50))).Set.Shards.Select(s => s.Shard));
    }

    [Fact]
    public void AFailedShardEndsTheAttemptWhoeverComesBeforeOrAfter()
    {
        var set = Assert.IsType<SetMove.Waiting>(Add(null, Shard(1))).Set;
        var abandoned = Assert.IsType<SetMove.Abandoned>(Add(set, Shard(2) with { Error = "no space" }));
        var late = Assert.IsType<SetMove.Refused>(Add(abandoned.Set, Shard(3)));
        Assert.Equal(("no space", "no space", true), (abandoned.Why, late.Why, late.IsAbandoned));
        Assert.IsType<SetMove.Waiting>(Add(abandoned.Set, Shard(1, attempt: 2)));
    }

    [Fact]
    public void AShardThatIsReportedTwiceAndDifferentlyEndsTheAttempt()
    {
        var set = Assert.IsType<SetMove.Waiting>(Add(null, Shard(1))).Set;
        Assert.Equal("shard 1 was reported twice, and differently", Assert.IsType<SetMove.Abandoned>(Add(set, Shard(1) with { WeightsXxh128 = "v" })).Why);
    }

    [Fact]
    public void RanksThatDisagreeOnWhatTheySaveEndTheAttempt()
    {
        var set = Assert.IsType<SetMove.Waiting>(Add(null, Shard(1))).Set;
        Assert.Contains("shard 2 the final save", Assert.IsType<SetMove.Abandoned>(Add(set, Shard(2) with { Kind = "final" })).Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("h", "x", "KD-T110 the weights or moments of rank 1 differ from the other ranks'")]
    [InlineData("x", "h", "KD-T110 the weights or moments of rank 0 differ from the other ranks'")]
    public void AReplicaThatDiffersIsNamedAndItsSetIsNotCommitted(string first, string second, string why)
    {
        var set = Assert.IsType<SetMove.Waiting>(Add(null, Shard(1) with { ReplicaHash = first })).Set;
        set = Assert.IsType<SetMove.Waiting>(Add(set, Shard(2) with { ReplicaHash = second })).Set;
        Assert.Equal(why, Assert.IsType<SetMove.Abandoned>(Add(set, Shard(3))).Why);
    }

    /// <summary>Reports in any order, repeated, late, of other attempts and generations, failed: what is complete is one attempt's, whole, and never failed.</summary>
    [Fact]
    public void InAnyOrderOfReportsOnlyWholeSetsOfOneAttemptAreComplete()
    {
        var completed = 0;
        for (var seed = 0; seed < 2000; seed++)
        {
            var random = new KeyedRandom((ulong)seed, RandomPurpose.Dropout);
            var world = 1 + random.Next(4);
            var failed = new HashSet<(long, int)>();
            var reported = new HashSet<(long, int, int)>();
            CheckpointSet? set = null;
            for (var move = 0; move < 40; move++)
            {
                var report = Shard(1 + random.Next(world), 10 * (1 + random.Next(3)), 1 + random.Next(2)) with { ShardCount = world };
                var generation = Generation - (random.Next(8) == 0 ? 1 : 0);
                report = report with { Files = [new DraftFile($"{generation} {report.Step} {report.Attempt} {report.Shard}", 1, "x", 1)] };
                if (random.Next(30) == 0)
                    report = report with { Error = "no space" };
                var before = set;
                switch (CheckpointSet.Add(set, generation, world, report))
                {
                    case SetMove.Waiting waiting:
                        reported.Add((report.Step, report.Attempt, report.Shard));
                        set = waiting.Set;
                        Assert.InRange(set.Shards.Length, 1, world - 1);
                        break;
                    case SetMove.Complete complete:
                        reported.Add((report.Step, report.Attempt, report.Shard));
                        set = complete.Set;
                        completed++;
                        Assert.Equal(Enumerable.Range(1, world).Select(shard => $"{set.Generation} {report.Step} {report.Attempt} {shard}"), complete.Whole.Files.Select(f => f.Name));
                        Assert.All(Enumerable.Range(1, world), shard => Assert.Contains((report.Step, report.Attempt, shard), reported));
                        break;
                    case SetMove.Abandoned abandoned:
                        set = abandoned.Set;
                        Assert.Equal("no space", abandoned.Why);
                        break;
                }

                if (before is not null && set is not null)
                    Assert.True((set.Generation, set.Step, set.Attempt).CompareTo((before.Generation, before.Step, before.Attempt)) >= 0, "an older attempt took the place of a newer one");
                if (before?.Failure is not null && set is not null && (set.Step, set.Attempt, set.Generation) == (before.Step, before.Attempt, before.Generation))
                    Assert.NotNull(set.Failure);
            }
        }

        Assert.True(completed > 2000, $"only {completed} sets were completed");
    }

    private static SetMove Add(CheckpointSet? set, CheckpointDraft report) => CheckpointSet.Add(set, Generation, 3, report);

    private static CheckpointDraft Shard(int shard, long step = 40, int attempt = 1)
        => JobSamples.Draft(step, attempt, shard: shard, of: 3) with { WeightsXxh128 = "w", ReplicaHash = "h", Files = [new DraftFile($"file-{shard}", 1, "00", 1)] };
}
