using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli.Tests;

public sealed class WatchTests
{
    [Theory]
    [InlineData(JobState.Succeeded, 0)]
    [InlineData(JobState.Failed, 1)]
    [InlineData(JobState.Cancelled, 1)]
    [InlineData(JobState.Preempted, 75)]
    [InlineData(JobState.Paused, 75)]
    public async Task TheExitCodeIsTheJobsOutcome(JobState state, int exitCode)
    {
        await using var coordinator = await FakeCoordinator.Start();
        Prepare(coordinator, state);
        var run = await CommandRun.Of(["status", "quickstart", "--watch", "--coordinator", coordinator.Url]);
        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains($" {JobStates.Word(state)} ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WatchingASubmittedJobShowsEveryStepOnce()
    {
        await using var coordinator = await FakeCoordinator.Start();
        Prepare(coordinator, JobState.Succeeded);
        coordinator.State.Steps.AddRange([Jobs.Step(1), Jobs.Step(2), Jobs.Step(2), Jobs.Step(3), Jobs.Step(2, generation: 2), Jobs.Step(3)]);
        var view = new RecordingView();
        using var connection = new CoordinatorConnection(new Uri(coordinator.Url));
        var last = await new JobWatcher(connection, TimeProvider.System).Watch("quickstart-7f3a", view, CancellationToken.None);

        Assert.Equal(JobState.Succeeded, last.State);
        Assert.Equal([(1L, 1L), (2, 1), (3, 1), (2, 2)], view.Steps.Select(s => (s.Step, s.Generation)));
        Assert.Equal([JobState.Running, JobState.Succeeded], view.Statuses.Select(s => s.State));
    }

    [Fact]
    public async Task AStreamThatEndsEarlyIsOpenedAgain()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Watches.AddRange([[Jobs.Running()], [Jobs.Running(), Ended(JobState.Succeeded)]]);
        var view = new RecordingView();
        using var connection = new CoordinatorConnection(new Uri(coordinator.Url));
        await new JobWatcher(connection, new HurriedTime()).Watch("quickstart-7f3a", view, CancellationToken.None);
        Assert.Equal([JobState.Running, JobState.Running, JobState.Succeeded], view.Statuses.Select(s => s.State));
    }

    [Fact]
    public async Task ACoordinatorThatStaysAwayIsGivenUp()
    {
        await using var coordinator = await FakeCoordinator.Start();
        var url = coordinator.Url;
        await coordinator.DisposeAsync();
        var view = new RecordingView();
        using var connection = new CoordinatorConnection(new Uri(url));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => new JobWatcher(connection, new HurriedTime()).Watch("job", view, CancellationToken.None));
        Assert.StartsWith($"No coordinator answers at {url}", error.Message, StringComparison.Ordinal);
        Assert.Contains($"The coordinator at {url} is away; training goes on without it. Trying again.", view.Notes);
    }

    [Fact]
    public async Task ACoordinatorThatComesBackIsWatchedOn()
    {
        var first = await FakeCoordinator.Start();
        var port = new Uri(first.Url).Port;
        first.State.Watches.Add([Jobs.Running()]);
        first.State.WatchStaysOpen = true;
        var view = new RecordingView();
        using var connection = new CoordinatorConnection(new Uri(first.Url));
        var watching = new JobWatcher(connection, TimeProvider.System).Watch("quickstart-7f3a", view, CancellationToken.None);
        await view.FirstStatus.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await first.DisposeAsync();

        await using var second = await FakeCoordinator.Start(port);
        second.State.Watches.Add([Ended(JobState.Succeeded)]);
        Assert.Equal(JobState.Succeeded, (await watching.WaitAsync(TimeSpan.FromSeconds(20))).State);
    }

    [Fact]
    public async Task CtrlCEndsTheWatchingAndSaysThatTheJobGoesOn()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        coordinator.State.Watches.Add([Jobs.Running()]);
        coordinator.State.WatchStaysOpen = true;
        using var interrupt = new CancellationTokenSource();
        var run = CommandRun.Of(["status", "quickstart", "--watch", "--coordinator", coordinator.Url], cancellation: interrupt.Token);
        while (coordinator.State.WatchCount == 0 && !run.IsCompleted)
            await Task.Yield();
        await interrupt.CancelAsync();
        var result = await run.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(130, result.ExitCode);
        Assert.Equal("Stopped watching; job quickstart-7f3a goes on. Watch it again with 'kaleido status quickstart-7f3a --watch', stop it with 'kaleido stop quickstart-7f3a'.\n", result.Error);
    }

    private static void Prepare(FakeCoordinator coordinator, JobState state)
    {
        coordinator.State.Jobs.Add(Jobs.Running());
        coordinator.State.Watches.Add([Jobs.Running(), Ended(state)]);
    }

    private static JobStatus Ended(JobState state)
    {
        var status = Jobs.Running();
        status.State = state;
        return status;
    }

    private sealed class RecordingView : ITrainingView
    {
        internal List<JobStatus> Statuses { get; } = [];

        internal List<StepMetrics> Steps { get; } = [];

        internal List<string> Notes { get; } = [];

        internal TaskCompletionSource FirstStatus { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Show(JobStatus status)
        {
            Statuses.Add(status);
            FirstStatus.TrySetResult();
        }

        public void Show(StepMetrics metrics) => Steps.Add(metrics);

        public void ShowNote(string text) => Notes.Add(text);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
