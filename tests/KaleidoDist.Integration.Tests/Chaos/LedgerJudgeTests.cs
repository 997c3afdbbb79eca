using KaleidoDist.Chaos;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The judge of ledgers: it lets a lawful history pass, and catches each way in which one can be wrong.</summary>
public sealed class LedgerJudgeTests
{
    [Fact]
    public void AnUndisturbedHistoryOfTwoEpochsPasses()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 6).Judged(totalSteps: 6);
        Assert.Empty(verdict.Complaints);
        Assert.Equal((20L, 0, 0), (verdict.SampleCount, verdict.RedoneSteps, verdict.RolledBackSteps));
    }

    [Fact]
    public void AStepThatAGenerationBeganAndTheNextOneDidIsRedoneAndNotWrong()
    {
        // Rank 2 dies in step 3; process 1 hosts both virtual ranks after it.
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 2).Computes(1, 3, 0, 1)
            .Computes(2, 3, 0, 1).Computes(2, 3, 1, 1).Applies(2, 3, 1).Judged(totalSteps: 3);
        Assert.Empty(verdict.Complaints);
        Assert.Equal((10L, 1, 0), (verdict.SampleCount, verdict.RedoneSteps, verdict.RolledBackSteps));
    }

    [Fact]
    public void StepsThatWereLostWithAllTheirReplicasAreRolledBackAndNotWrong()
    {
        // Both ranks die after step 3; processes 3 and 4 begin again after step 1.
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 3)
            .Computes(2, 2, 0, 3).Computes(2, 2, 1, 4).Applies(2, 2, 3).Applies(2, 2, 4)
            .Computes(2, 3, 0, 3).Computes(2, 3, 1, 4).Applies(2, 3, 3).Applies(2, 3, 4).Judged(totalSteps: 3);
        Assert.Empty(verdict.Complaints);
        Assert.Equal((10L, 0, 2), (verdict.SampleCount, verdict.RedoneSteps, verdict.RolledBackSteps));
    }

    [Fact]
    public void ASampleConsumedTwiceIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 3).Without(line => line is ComputedLeaf { Step: 2, VirtualRank: 1 }).Computes(1, 2, 1, 2, 0, 8).Judged(totalSteps: 3);
        Assert.Contains("sample 0 was consumed twice in epoch 0: in step 1 and in step 2", verdict.Complaints);
        Assert.Contains("epoch 0 consumed 9 different samples in steps 1 to 3; expected 10; sample 7 is missing", verdict.Complaints);
    }

    [Fact]
    public void ALeafComputedByTwoRanksIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 2).Computes(1, 3, 0, 1).Computes(1, 3, 1, 1).Computes(1, 3, 1, 2).Applies(1, 3, 1).Judged(totalSteps: 3);
        Assert.Contains("virtual rank 1 of step 3, generation 1, was computed 2 times; expected 1", verdict.Complaints);
    }

    [Fact]
    public void ALeafThatNobodyComputedIsCaughtWithTheSampleThatWasLost()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 3).Without(line => line is ComputedLeaf { Step: 3, VirtualRank: 1 }).Judged(totalSteps: 3);
        Assert.Equal(
            [
                "virtual rank 1 of step 3, generation 1, was computed 0 times; expected 1",
                "epoch 0 consumed 9 different samples in steps 1 to 3; expected 10; sample 9 is missing",
            ],
            verdict.Complaints);
    }

    [Fact]
    public void AStepThatNobodyAppliedIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 3).Without(line => line is AppliedStep { Step: 2 }).Judged(totalSteps: 3);
        Assert.Contains("step 2 was applied by nobody", verdict.Complaints);
    }

    [Fact]
    public void ARankThatAppliedAnotherGradientIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 2).Computes(1, 3, 0, 1).Computes(1, 3, 1, 2).Applies(1, 3, 1).Applies(1, 3, 2, norm: 7).Judged(totalSteps: 3);
        Assert.Equal(
            ["process 2 applied another gradient at step 3 (generation 1, norm 0000000000000007) than process 1 (generation 1, norm 0000000000000003)"],
            verdict.Complaints);
    }

    [Fact]
    public void ARankThatAppliedAStepTwiceIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 3)
            .Computes(2, 3, 0, 1).Computes(2, 3, 1, 3).Applies(2, 3, 1).Applies(2, 3, 3).Judged(totalSteps: 3);
        Assert.Equal(["process 1 applied step 3 (generation 2) after step 3 (generation 1)"], verdict.Complaints);
    }

    [Fact]
    public void AGenerationThatWentOnBesideItsSuccessorIsCaught()
    {
        // Process 2 returns from a long stop and goes on alone, in a world of its own.
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 1)
            .Computes(2, 2, 0, 1).Computes(2, 2, 1, 1).Applies(2, 2, 1)
            .Computes(1, 3, 0, 2).Computes(1, 3, 1, 2).Applies(1, 3, 2).Judged(totalSteps: 3);
        Assert.Equal(["step 3 is generation 1's, but the step before it generation 2's"], verdict.Complaints);
    }

    [Fact]
    public void AStepThatWasAppliedBeforeItsGradientWasThereIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 2).Computes(1, 3, 0, 1).Applies(1, 3, 1).Computes(1, 3, 1, 2).Applies(1, 3, 2).Judged(totalSteps: 3);
        Assert.Equal(["step 3 of generation 1 was applied before virtual rank 1 of it was computed"], verdict.Complaints);
    }

    [Fact]
    public void RedoingAStepWithOtherSamplesIsCaught()
    {
        var verdict = new LedgerOfTwoRanks().Steps(1, 1, 2).Computes(1, 3, 0, 1, 9).Computes(2, 3, 0, 1).Computes(2, 3, 1, 1).Applies(2, 3, 1).Judged(totalSteps: 3);
        Assert.Equal(["virtual rank 0 of step 3 had other samples in generation 2 than in generation 1"], verdict.Complaints);
    }

    [Fact]
    public void LinesOfALedgerAreReadAsTheyWereWrittenAndATornOneIsCounted()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["17-9.ledger"], "C 100 3 17 4 5,9\nC 101 3 17 5 \nA 107 3 17 3ff8000000000000\nA 108 3 18 3ff\nA 200 4 18 3ff0000000000000\nC 300 5");
        var ledger = RunLedger.Read(folder.Path);
        Assert.Equal(2, ledger.TornLineCount);
        Assert.Collection(
            ledger.Entries,
            line => Assert.Equal([5L, 9L], Assert.IsType<ComputedLeaf>(line).Samples),
            line => Assert.Equal((101L, 3L, 17L, 5, 0), Assert.IsType<ComputedLeaf>(line) is var leaf ? (leaf.Clock, leaf.Generation, leaf.Step, leaf.VirtualRank, leaf.Samples.Count) : default),
            line => Assert.Equal(new AppliedStep("17-9", 107, 3, 17, 0x3ff8000000000000), line),
            line => Assert.Equal(new AppliedStep("17-9", 200, 4, 18, 0x3ff0000000000000), line));
    }
}
