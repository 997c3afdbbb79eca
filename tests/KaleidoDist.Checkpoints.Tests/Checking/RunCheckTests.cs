using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class RunCheckTests
{
    private const string Folder = "/runs/job";
    private readonly MemoryStorage storage = new();
    private readonly Run run;

    public RunCheckTests()
    {
        run = new Run(Folder, storage);
        for (var step = 90; step <= 120; step += 10)
            run.Save(step);
    }

    [Fact]
    public void ARunAsItShouldBeIsSound()
    {
        run.Catalog.ApplyRetention(new RetentionPolicy(3), run.Lineage);
        var report = Check(Journal(from: 1, to: 125));
        Assert.Empty(report.Findings);
        Assert.Equal((3, 3, 125, true), (report.CheckpointCount, report.ValidCount, report.StepCount, report.IsSound));
    }

    [Fact]
    public void ADamagedFileBreaksI4AndADamagedManifestI2AndTooFewThatAreWholeI11()
    {
        storage.Find(run.DataFile(run.Catalog.Read(4), "state-00001-of-00001.json"))!.Content[3] ^= 1;
        Assert.Equal(["I4"], Broken(Check()));
        storage.Find(run.Paths.Manifest(3))!.Content[3] ^= 1;
        storage.Find(run.Paths.Manifest(2))!.Content[3] ^= 1;
        Assert.Equal(["I11", "I2", "I4"], Broken(Check()));
    }

    [Fact]
    public void AfterAFallbackTheDamagedOneIsSupersededAndOnlyNoted()
    {
        storage.Find(run.Paths.Manifest(4))!.Content[3] ^= 1;
        run.Resume();
        run.Save(120);

        var report = Check();

        Assert.True(report.IsSound);
        Assert.Contains(report.Findings, f => f.Text == "Checkpoint 4 was found damaged earlier; its manifest is in quarantine/.");
    }

    [Fact]
    public void AForkedHistoryBreaksI1()
    {
        // Another coordinator commits as if checkpoint 4 had never been.
        var stray = new Run(Folder, storage) { Lineage = run.Lineage with { Generation = 2, Head = CheckpointHead.After(run.Catalog.Read(3)) with { LastSeq = 4 } } };
        stray.Save(121);

        Assert.Equal("Checkpoint 5 continues checkpoint 3 and passes over 4 without superseding them: history is forked.", Assert.Single(Check().Problems, p => p.Invariant == "I1").Text);
    }

    [Fact]
    public void StepsAndGenerationsThatGoBackBreakI9AndI7()
    {
        run.Lineage = run.Lineage with { Generation = 3 };
        run.Save(130);
        run.Lineage = run.Lineage with { Generation = 2 };
        run.Save(110);
        Assert.Equal(["I7", "I9"], Broken(Check()));
    }

    [Fact]
    public void APositionThatIsNotThatOfItsStepBreaksI6()
    {
        var proposal = run.Write(130);
        run.Catalog.Commit(proposal with { StepInEpoch = proposal.StepInEpoch + 1 }, run.Lineage);
        Assert.Equal(["I6"], Broken(Check()));
        Assert.Contains("An epoch has 99 steps", Check().Problems.First().Text);
    }

    [Fact]
    public void AJournalThatCountsOtherSamplesOrGoesBackBreaksI6AndI7()
    {
        var steps = Journal(1, 120).Steps.ToList();
        steps[99] = steps[99] with { Samples = 1 };
        Assert.Equal(["I6"], Broken(Check(Journal(steps))));
        steps = [.. Journal(1, 120).Steps];
        steps[50] = steps[50] with { Generation = 2 };
        Assert.Equal(["I7"], Broken(Check(Journal(steps))));
        steps.RemoveRange(49, 3);
        var report = Check(Journal(steps));
        Assert.True(report.IsSound);
        Assert.Equal("The journal has no line for steps 50 to 52.", Assert.Single(report.Findings).Text);
    }

    [Fact]
    public void WhatCrashesAndPeopleLeaveIsNoted()
    {
        storage.TryCreateDirectory(run.Paths.DataFolder(1, 77, 1));
        storage.TryCreateDirectory(Path.Combine(run.Paths.Data, "mine"));
        storage.Create(Path.Combine(run.Paths.Log, "notes.txt")).Dispose();
        storage.Create(Path.Combine(run.Paths.Temporary, "draft")).Dispose();
        storage.EnsureDirectory(run.Paths.Pins);
        storage.Create(Path.Combine(run.Paths.Pins, "000000000009")).Dispose();

        var report = Check();

        Assert.True(report.IsSound);
        Assert.Equal(
            [
                "data/g0000000001-s00000077-a1 belongs to no checkpoint: a save in progress, or what a crash left. Retention removes it in a later generation.",
                "data/mine is not of this run; it is left alone.",
                "log/notes.txt is not of this run; it is left alone.",
                "tmp/ holds 1 drafts: a commit in progress, or what a crash left.",
                "Checkpoint 9 is pinned, but is not there.",
            ],
            report.Findings.Select(f => f.Text));
    }

    private RunCheckReport Check(RunHistory? history = null) => new RunCheck(Folder, storage).Check(history ?? RunHistory.Empty);

    private static IEnumerable<string> Broken(RunCheckReport report) => report.Problems.Select(p => p.Invariant).Distinct().Order(StringComparer.Ordinal);

    private static RunHistory Journal(int from, int to)
        => Journal([.. Enumerable.Range(from, to - from + 1).Select(step => new StepRecord { Step = step, Samples = step * Run.Job.GlobalBatch, Generation = 1 })]);

    private static RunHistory Journal(IReadOnlyList<StepRecord> steps) => new(steps, [], 0);
}
