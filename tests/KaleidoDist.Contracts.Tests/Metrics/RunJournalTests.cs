using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts.Tests;

public sealed class RunJournalTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("journal").FullName;

    private string JournalPath => Path.Combine(folder, RunJournal.FileName);

    [Fact]
    public void AStepIsOneLineOfSnakeCaseJson()
    {
        using (var journal = RunJournal.Open(folder))
            journal.Append(Step(3));
        Assert.Equal(
            """{"step":3,"epoch":0.5,"samples":96,"total_loss":12.5,"tasks":{"mlm":{"loss":10.25,"accuracy":0.125},"grey":{"loss":0.25}},"learning_rate":0.0005,"gradient_norm":1.5,"step_seconds":0.75,"data_wait_seconds":0.125,"compute_seconds":0.5,"reduce_seconds":0.0625,"generation":2,"world_size":4,"replaced_samples":1}""" + "\n",
            File.ReadAllText(JournalPath));
    }

    [Fact]
    public void AnEvaluationIsOneLineWithItsTasks()
    {
        using (var journal = RunJournal.Open(folder))
            journal.AppendValidation(100, [Metric("mlm", "loss", 4.5), Metric("mlm", "accuracy", 0.25), Metric("mlm", "perplexity", 90), Metric("mlm", "count", 1500), Metric("grey", "loss", 0.125), Metric("grey", "accuracy", -1)]);
        Assert.Equal("""{"step":100,"validation":{"mlm":{"loss":4.5,"accuracy":0.25,"perplexity":90,"count":1500},"grey":{"loss":0.125}}}""" + "\n", File.ReadAllText(JournalPath));
    }

    [Fact]
    public void WhatIsReadIsWhatWasWritten()
    {
        using (var journal = RunJournal.Open(folder))
        {
            journal.AppendValidation(0, [Metric("itm", "loss", 0.6875), Metric("itm", "accuracy", 0.5)]);
            journal.Append(Step(1));
            journal.Append(Step(2));
        }

        var history = RunHistory.Read(folder);
        Assert.Equal([1L, 2], history.Steps.Select(s => s.Step));
        Assert.Equivalent(StepRecord.FromProto(Step(2)), history.Steps[1], strict: true);
        var validation = Assert.Single(history.Validations);
        Assert.Equal((0L, 0.6875, 0.5), (validation.Step, validation.Validation["itm"].Loss, validation.Validation["itm"].Accuracy!.Value));
        Assert.Equal(0, history.SkippedLineCount);
    }

    [Fact]
    public void ANumberThatIsNotFiniteIsNullInTheFileAndNaNWhenRead()
    {
        var step = Step(1);
        step.TotalLoss = double.NaN;
        step.GradientNorm = double.PositiveInfinity;
        using (var journal = RunJournal.Open(folder))
            journal.Append(step);
        Assert.Contains("\"total_loss\":null", File.ReadAllText(JournalPath), StringComparison.Ordinal);
        Assert.Equal((double.NaN, double.NaN), (RunHistory.Read(folder).Steps[0].TotalLoss, RunHistory.Read(folder).Steps[0].GradientNorm));
    }

    [Fact]
    public void ATornLastLineIsSkippedByReadersAndCutByTheNextWriter()
    {
        using (var journal = RunJournal.Open(folder))
        {
            journal.Append(Step(1));
            journal.Append(Step(2));
        }

        using (var file = File.OpenWrite(JournalPath))
            file.SetLength(file.Length - 10);
        var torn = RunHistory.Read(folder);
        Assert.Equal([1L], torn.Steps.Select(s => s.Step));
        Assert.Equal(1, torn.SkippedLineCount);

        using (var journal = RunJournal.Open(folder))
            journal.Append(Step(2));
        var mended = RunHistory.Read(folder);
        Assert.Equal([1L, 2], mended.Steps.Select(s => s.Step));
        Assert.Equal(0, mended.SkippedLineCount);
    }

    [Fact]
    public void LinesThatAreNotRecordsAreCountedAndSkipped()
    {
        File.WriteAllText(JournalPath, "not json\n[1]\n{\"no\":1}\n{\"step\":\"x\"}\n\n{\"step\":5}\n");
        var history = RunHistory.Read(folder);
        Assert.Equal([5L], history.Steps.Select(s => s.Step));
        Assert.Equal(5, history.SkippedLineCount);
    }

    [Fact]
    public void AResumedRunDropsWhatCameAfterItsCheckpoint()
    {
        using (var journal = RunJournal.Open(folder))
        {
            journal.AppendValidation(0, [Metric("mlm", "loss", 10)]);
            for (var step = 1; step <= 10; step++)
                journal.Append(Step(step));
            journal.AppendValidation(10, [Metric("mlm", "loss", 5)]);
        }

        using (var journal = RunJournal.Open(folder))
        {
            journal.TruncateAfter(6);
            journal.Append(Step(7));
        }

        var history = RunHistory.Read(folder);
        Assert.Equal([1L, 2, 3, 4, 5, 6, 7], history.Steps.Select(s => s.Step));
        Assert.Equal([0L], history.Validations.Select(v => v.Step));
    }

    [Theory]
    [InlineData(2000, 2000)]
    [InlineData(1999, 1999)]
    [InlineData(1000, 1000)]
    [InlineData(3, 3)]
    [InlineData(0, 0)]
    public void ALongJournalIsCutWhereverTheCheckpointLies(long keep, long newest)
    {
        using (var journal = RunJournal.Open(folder))
        {
            journal.AppendValidation(0, [Metric("mlm", "loss", 10)]);
            for (var step = 1; step <= 2000; step++)
                journal.Append(Step(step));
            journal.AppendValidation(2000, [Metric("mlm", "loss", 5)]);
        }

        File.AppendAllText(JournalPath, "{\"step\":2001,");
        using (var journal = RunJournal.Open(folder))
        {
            Assert.Equal((2000, 2000), (journal.LastStep, journal.LastValidation));
            journal.TruncateAfter(keep);
            Assert.Equal(newest, journal.LastStep);
            if (newest is 0 or 2000)
                Assert.Equal(newest, journal.LastValidation);
            journal.Append(Step(newest + 1));
        }

        var history = RunHistory.Read(folder);
        Assert.Equal(Enumerable.Range(1, (int)newest + 1).Select(step => (long)step), history.Steps.Select(s => s.Step));
        Assert.Equal((0, newest == 2000 ? 2 : 1), (history.SkippedLineCount, history.Validations.Count));
    }

    [Fact]
    public void AnEvaluationAtTheCheckpointIsKept()
    {
        using var journal = RunJournal.Open(folder);
        journal.Append(Step(6));
        journal.AppendValidation(6, [Metric("mlm", "loss", 5)]);
        journal.Append(Step(7));
        journal.TruncateAfter(6);
        Assert.Equal([6L], RunHistory.Read(folder).Validations.Select(v => v.Step));
    }

    [Fact]
    public void AStepDoneAgainByANewerGenerationCountsOnceWhateverTheOrderOfLines()
    {
        var older = Step(5);
        (older.Generation, older.TotalLoss) = (1, 99);
        using (var journal = RunJournal.Open(folder))
        {
            journal.Append(Step(5));
            journal.Append(older);
        }

        Assert.Equal(12.5, Assert.Single(RunHistory.Read(folder).Steps).TotalLoss);
    }

    [Fact]
    public void LinesLongerThanTheReadBufferAreRead()
    {
        var step = Step(1);
        for (var i = 0; i < 5000; i++)
            step.Tasks.Add(new Proto.TaskLoss { Task = $"task-{i}", Loss = i, Accuracy = 0.5 });
        using (var journal = RunJournal.Open(folder))
        {
            journal.Append(step);
            journal.Append(Step(2));
        }

        Assert.True(new FileInfo(JournalPath).Length > 128 << 10);
        Assert.Equal([5002, 2], RunHistory.Read(folder).Steps.Select(s => s.Tasks.Count));
    }

    [Fact]
    public void ARunFolderWithoutAJournalHasNoHistory() => Assert.Same(RunHistory.Empty, RunHistory.Read(folder));

    [Fact]
    public void AJournalCanBeReadWhileItIsWritten()
    {
        using var journal = RunJournal.Open(folder);
        journal.Append(Step(1));
        Assert.Single(RunHistory.Read(folder).Steps);
        journal.Append(Step(2));
        Assert.Equal(2, RunHistory.Read(folder).Steps.Count);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static Proto.StepMetrics Step(long step) => new()
    {
        Step = step, Epoch = 0.5, Samples = step * 32, TotalLoss = 12.5, LearningRate = 0.0005, GradientNorm = 1.5, StepSeconds = 0.75,
        DataWaitSeconds = 0.125, ComputeSeconds = 0.5, ReduceSeconds = 0.0625, Generation = 2, WorldSize = 4, ReplacedSamples = 1,
        Tasks = { new Proto.TaskLoss { Task = "mlm", Loss = 10.25, Accuracy = 0.125 }, new Proto.TaskLoss { Task = "grey", Loss = 0.25, Accuracy = -1 } },
    };

    private static Proto.TaskMetric Metric(string task, string metric, double value) => new() { Task = task, Metric = metric, Value = value, Step = 100 };
}
