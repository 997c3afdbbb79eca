using System.Text.Json;
using KaleidoDist.Chaos;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The judges of faults, of run folders and of pauses.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class ChaosJudgeTests(CalmRun calm)
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void AFaultThatWasSeenAndToldOfPasses()
        => Assert.Empty(FaultJudge.Judge([Fault(evidence: "process 7 is gone")], [Event("KD-W101", Noon)], []));

    [Fact]
    public void AFaultThatNeverFiredIsCaught()
    {
        var complaint = Assert.Single(FaultJudge.Judge([Fault(evidence: null)], [Event("KD-W101", Noon)], []));
        Assert.Equal("#1 kill-rank of process 7 injected nothing: it was not seen to have fired", complaint);
    }

    [Fact]
    public void AFaultThatTheJobNeverToldOfIsCaught()
    {
        var complaint = Assert.Single(FaultJudge.Judge([Fault(evidence: "gone")], [Event("KD-W101", Noon.AddSeconds(-1)), Event("KD-R101", Noon.AddSeconds(1))], []));
        Assert.StartsWith("#1 kill-rank of process 7 is not in the job's events: none of KD-W101", complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void ARunWithoutFaultsProvesNothing()
        => Assert.Equal(["no fault was injected: the run proves nothing"], FaultJudge.Judge([], [], []));

    [Fact]
    public void ARunIsLikeItself() => Assert.Empty(Compare(calm.Run.Folder));

    [Fact]
    public async Task AnotherHashOfTheWeightsIsCaught()
    {
        using var other = new MicroRun();
        await other.TrainToEnd(exitCode: 0, "--workers", "1", "--set", "seed=43");
        var complaints = Compare(other.Folder);
        Assert.Equal($"the weights differ: XXH128 {calm.WeightsHash} in the calm run, {other.Newest.WeightsXxh128} in the disturbed one", complaints[0]);
        Assert.StartsWith("step 1 differs: ", complaints[1], StringComparison.Ordinal);
    }

    [Fact]
    public void ALossOfAnotherBitAStepTwiceAndAMissingStepAreCaught()
    {
        using var folder = new TemporaryFolder();
        CopyFolder(calm.Run.Folder, folder.Path);
        var journal = folder[RunJournal.FileName];
        var lines = File.ReadAllLines(journal).ToList();
        var second = lines.FindIndex(line => line.StartsWith("{\"step\":2,", StringComparison.Ordinal));
        var record = JsonSerializer.Deserialize<StepRecord>(lines[second], JournalFormat.Json)!;
        lines[second] = JsonSerializer.Serialize(record with { TotalLoss = Math.BitIncrement(record.TotalLoss) }, JournalFormat.Json);
        lines.RemoveAt(second + 1);
        lines.Add(lines[^2]);
        File.WriteAllLines(journal, lines);

        var complaints = Compare(folder.Path);
        Assert.Equal(3, complaints.Count);
        Assert.Equal("step 30 is 2 times in metrics.jsonl", complaints[0]);
        Assert.StartsWith("step 2 differs: ", complaints[1], StringComparison.Ordinal);
        Assert.Equal("step 3 was missing in metrics.jsonl", complaints[2]);
    }

    [Fact]
    public void AKindOfFaultThatNeverDidAnythingIsNotTakenForAPassedOne()
    {
        Assert.Empty(FaultJudge.Judge([Fault("gone")], [Event("KD-W101", Noon)], [Fault(null)]));
        var other = new FaultRecord { Number = 2, Kind = FaultKind.Reset, Target = "host1", Clock = 0, At = Noon };
        Assert.Equal(["#2 reset of host1 did nothing, and no other fault of its kind did anything"], FaultJudge.Judge([Fault("gone")], [Event("KD-W101", Noon)], [other]));
    }

    [Fact]
    public void ThePauseOfAFaultEndsWithTheFirstNewStepNotWithARepeatedOne()
    {
        // A step each second; a fault at 3.5; step 3 once more at 6; step 4, the first new one, at 20.
        var recovery = Recovered((1, 1), (2, 2), (3, 3), (6, 3), (20, 4), (21, 5), (22, 6));
        Assert.Equal((TimeSpan.FromSeconds(16.5), TimeSpan.FromSeconds(17), TimeSpan.FromSeconds(16.5)), (recovery.Resumed, recovery.Pause, recovery.Quiet));
    }

    [Fact]
    public void AFaultThatStopsNobodyIsOverWithTheNextStep()
    {
        var recovery = Recovered((1, 1), (2, 2), (3, 3), (4, 4), (6, 5), (7, 6));
        Assert.Equal((TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2)), (recovery.Resumed, recovery.Pause));
    }

    [Fact]
    public void EveryCardIsPlayedBeforeOneComesAgainAndTheOrderIsTheSeeds()
    {
        var deck = new Deck<int>([1, 2, 3, 4, 5], new Random(7));
        List<int> played = [];
        for (var i = 0; i < 10; i++)
        {
            played.Add(deck.Left[0]);
            deck.Play(played[^1]);
        }

        Assert.Equal([1, 2, 3, 4, 5], played.Take(5).Order());
        Assert.Equal([1, 2, 3, 4, 5], played.Skip(5).Order());
        Assert.Equal(played[0], new Deck<int>([1, 2, 3, 4, 5], new Random(7)).Left[0]);
    }

    [Fact]
    public void EveryKindOfFaultHasANameThatIsReadBack()
        => Assert.All(Enum.GetValues<FaultKind>(), kind => Assert.Equal(kind, FaultKinds.Parse(kind.Name())));

    [Fact]
    public void StepsAreNamedInRanges() => Assert.Equal(["steps 1 to 3 were", "step 5 was", "steps 8 to 9 were"], StepRanges.Of([1, 2, 3, 5, 8, 9]));

    private static Recovery Recovered(params (int Second, int Step)[] steps)
    {
        var ledger = new RunLedger([.. steps.Select(at => new AppliedStep("1", At(at.Second), 1, at.Step, 0))], 0);
        return Assert.Single(Recoveries.Read(ledger, [Fault("gone", At(3.5))], TimeProvider.System));
    }

    private static long At(double second) => (long)(second * TimeProvider.System.TimestampFrequency);

    private static FaultRecord Fault(string? evidence, long clock = 0)
        => new() { Number = 1, Kind = FaultKind.KillRank, Target = "process 7", Clock = clock, At = Noon, ExpectedCodes = ["KD-W101"], Evidence = evidence };

    private static SeenEvent Event(string code, DateTimeOffset at) => new(at, code, "");

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private IReadOnlyList<string> Compare(string folder) => HistoryJudge.Compare(calm.Run.Folder, folder, MicroJob.Steps, TimeProvider.System);
}
