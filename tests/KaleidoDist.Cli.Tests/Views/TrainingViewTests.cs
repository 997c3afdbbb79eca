using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli.Tests;

public sealed class TrainingViewTests
{
    private readonly StringWriter output = new() { NewLine = "\n" };
    private readonly ManualTime time = new();

    private string[] Lines => output.ToString().TrimEnd('\n').Split('\n');

    [Fact]
    public async Task APlainViewWritesAStepEveryFewSecondsAndTheLastOne()
    {
        await using (var view = new PlainTrainingView(output, time))
        {
            for (var step = 1; step <= 12; step++)
            {
                view.Show(Jobs.Step(step));
                time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        Assert.Equal(
            ["12:00:00 step 1", "12:00:05 step 6", "12:00:10 step 11", "12:00:12 step 12"],
            Lines.Select(l => l[..l.IndexOf("  epoch", StringComparison.Ordinal)]));
    }

    [Fact]
    public async Task APlainViewTellsTheLastStepBeforeTheEnd()
    {
        var end = new JobStatus { State = JobState.Succeeded, Reason = "all steps are done", TotalSteps = 2 };
        await using (var view = new PlainTrainingView(output, time))
        {
            view.Show(Jobs.Step(1));
            view.Show(Jobs.Step(2));
            view.ShowNote("a note");
            view.Show(end);
        }

        Assert.Equal(["12:00:00 step 1", "12:00:00 a note", "12:00:00 step 2", "12:00:00 succeeded: all steps are done"], Lines.Select(l => l.Split("  ")[0]));
    }

    /// <summary>Whoever begins to watch is told what happened before, with the time at which it did.</summary>
    [Fact]
    public async Task APlainViewGivesEventsTheirOwnTime()
    {
        var status = new JobStatus { State = JobState.Running, Reason = "training" };
        status.Events.Add([Event(-100_000, "yesterday"), Event(-10, "just now"), Event(-30, "before")]);
        status.Checkpoints.Add(new CheckpointInfo { Seq = 1, Step = 20, CreatedAt = Jobs.At(-20) });
        await using (var view = new PlainTrainingView(output, time))
        {
            view.Show(status);
            time.Advance(TimeSpan.FromSeconds(5));
            var later = status.Clone();
            later.Events.Add(Event(2, "later"));
            view.Show(later);
        }

        Assert.Equal(
            ["12:00:00 running: training", "2026-02-28 08:13:20 yesterday", "11:59:30 before", "11:59:40 checkpoint 1 at step 20", "11:59:50 just now", "12:00:02 later"],
            Lines);

        static JobEvent Event(double seconds, string text) => new() { At = Jobs.At(seconds), Text = text };
    }

    [Fact]
    public async Task AJsonViewWritesOneObjectALine()
    {
        var progressed = Jobs.Running();
        progressed.Step = 121;
        await using (var view = new JsonTrainingView(output, time))
        {
            view.Show(Jobs.Running());
            view.Show(progressed);
            view.Show(Jobs.Step(121));
            view.ShowNote("a \"note\"");
        }

        var objects = Lines.Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(["job", "step", "note", "job"], objects.Select(o => o.GetProperty("type").GetString()));
        Assert.All(objects, o => Assert.Equal("2026-03-01T12:00:00.000Z", o.GetProperty("at").GetString()));
        Assert.Equal([120L, 121], objects.Where(o => o.GetProperty("type").GetString() == "job").Select(o => o.GetProperty("step").GetInt64()));
        Assert.Equal(6.1234, objects[1].GetProperty("tasks").GetProperty("mlm").GetProperty("loss").GetDouble());
        Assert.Equal("a \"note\"", objects[2].GetProperty("text").GetString());
    }

    [Fact]
    public void AViewIsChosenByWhatItWritesTo()
    {
        Assert.IsType<JsonTrainingView>(TrainingViews.Create(TestConsole.Create(output), json: true, time));
        Assert.IsType<PlainTrainingView>(TrainingViews.Create(TestConsole.Create(output), json: false, time));
    }

    [Fact]
    public async Task ALiveViewEndsWithItsLastPicture()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 120;
        await using (var view = new LiveTrainingView(console, time))
        {
            view.Show(Jobs.Running());
            view.Show(Jobs.Step(121));
        }

        Assert.Contains("step 120/400", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("KD-W101 worker w2 exited (SIGKILL)", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void APictureShowsEverythingThatIsKnown()
    {
        var progress = new TrainingProgress();
        progress.Apply(Jobs.Running());
        for (var step = 1; step <= 4; step++)
        {
            var metrics = Jobs.Step(step);
            (metrics.TotalLoss, metrics.Tasks[0].Loss) = (20 - step, 10 - step);
            progress.Apply(metrics);
        }

        progress.Note = "Trying again.";
        Assert.Equal(
            """
            quickstart running (generation 1, 2 ranks): all 2 ranks train
            ████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░ step 120/400  30.0 %  epoch 1.6  ETA 7 m 1 s
            3,840 samples  21.3 samples/s  step 1.5 s  learning rate 4.50e-04  gradient norm 1.234

            task     loss     trend   accuracy   chance
            total    12.35    █▆▃▁
            mlm      6.123    █▆▃▁    12.3 %     0.0033 %
            jigsaw   2.5      ▁▁▁▁    25.0 %     4.2 %
            grey     0.1583   ▁▁▁▁

            rank   worker   phase     step   step time   virtual ranks
            0      w1       forward   120    1.5 s       0..3
            1      w1       reduce    120    1.3 s       4..7

            checkpoint 2 at step 100 (23.4 MiB), 12 s ago
              11:56:40 KD-W101 worker w2 exited (SIGKILL)
              11:59:48 checkpoint 2 committed
            Trying again.

            """,
            TestConsole.Text(c => c.Write(LiveFrame.Build(progress, ManualTime.Start, TimeZoneInfo.Utc, 120)), 120));
    }

    [Fact]
    public void APictureOfAJobThatHasNotBegunIsShort() => Assert.Equal(
        """
         unknown
        ░░░░░░░░░░ step 0  0.0 %  epoch 0.0  ETA -

        no checkpoint yet

        """,
        TestConsole.Text(c => c.Write(LiveFrame.Build(new TrainingProgress(), ManualTime.Start, TimeZoneInfo.Utc, 60)), 60));

    [Fact]
    public void ThatCheckpointsWereReadBackIsSaidWithTheAgeOfTheOldestCheck()
    {
        var status = new JobStatus { Checkpoints = { Checkpoint(1, checkedHoursAgo: 6), Checkpoint(2, checkedHoursAgo: 2), Checkpoint(3, checkedHoursAgo: null) } };
        Assert.EndsWith("; 2 of 3 kept read back and whole, oldest check 6 h 0 m ago", LiveFrame.LastCheckpoint(status, ManualTime.Start), StringComparison.Ordinal);
        status.SkippedSaves = 1200;
        Assert.EndsWith("6 h 0 m ago; 1,200 left out", LiveFrame.LastCheckpoint(status, ManualTime.Start), StringComparison.Ordinal);
        status.Checkpoints[1].Damage = "a bit is wrong";
        Assert.Contains("; DAMAGED: 2, oldest check 6 h", LiveFrame.LastCheckpoint(status, ManualTime.Start), StringComparison.Ordinal);

        static CheckpointInfo Checkpoint(long seq, double? checkedHoursAgo) => new()
        {
            Seq = seq, Kind = "periodic", CheckedAt = checkedHoursAgo is { } hours ? Timestamp.FromDateTimeOffset(ManualTime.Start.AddHours(-hours)) : null,
        };
    }

    [Fact]
    public void ALaterSnapshotDoesNotHideTheStepsOfTheBeginning()
    {
        var progress = new TrainingProgress();
        progress.Apply(Jobs.Running());
        progress.Apply(Jobs.Step(1));
        progress.Apply(Jobs.Step(2));
        Assert.Equal(120, progress.LastStep!.Step);
        Assert.Equal(2, progress.TotalLoss.Points.Count);
    }
}
