using KaleidoDist.Contracts;
using KaleidoDist.Coordinator;
using KaleidoDist.Data;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Worker;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>
/// A job from start to end in this process: the same coordinator, worker and public interface as in a cluster, composed on loopback.
/// </summary>
internal sealed class LocalTraining(CommandContext context, JobSpec job, string yaml, string specName)
{
    /// <summary>Stop with a checkpoint after this step; 0 for never.</summary>
    internal long StopAfterStep { get; init; }

    /// <summary>Go on from this checkpoint; 0 for the newest.</summary>
    internal long ResumeSeq { get; init; }

    /// <summary>Print JSON lines.</summary>
    internal bool Json { get; init; }

    /// <summary>Log more.</summary>
    internal bool Verbose { get; init; }

    private string RunDirectory => job.Checkpoint.Uri;

    /// <summary>Trains until the job settles.</summary>
    internal async Task<ExitCode> RunAsync()
    {
        IcuCheck.Verify();
        var (stateFolder, warning) = RunFolder.PrepareState(RunDirectory);
        if (warning is not null)
            await context.Error.WriteLineAsync(warning);
        using var logs = ProcessLog.ToFile(Path.Combine(stateFolder, RunFolder.LogFile), Verbose);
        using var signals = new StopSignals();
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions
        {
            StateDirectory = stateFolder,
            TimeProvider = context.Time,
            ConfigureLogging = logging => logging.AddProvider(new SharedLoggerProvider(logs)),
        });
        using var connection = new CoordinatorConnection(host.Address);
        // Submitted before any worker is there: a changed specification may replace the old one only while no rank is attached.
        var jobId = await SubmitAsync(connection);
        using var agentLife = new CancellationTokenSource();
        await using var agent = new WorkerAgent(AgentOptions(host.Address), context.Time, logs.CreateLogger<WorkerAgent>());
        using var hurrying = signals.Second.Register(agent.KillRanks);
        var serving = agent.RunAsync(agentLife.Token);
        try
        {
            return await WatchAsync(connection, jobId, signals);
        }
        finally
        {
            await agentLife.CancelAsync();
            await serving;
        }
    }

    private async Task<string> SubmitAsync(CoordinatorConnection connection)
    {
        var request = new SubmitRequest
        {
            SpecYaml = yaml, SpecName = specName, BaseDirectory = Environment.CurrentDirectory, StopAfterStep = StopAfterStep,
            ResumeSeq = ResumeSeq, IdempotencyKey = Guid.NewGuid().ToString("n"),
        };
        var reply = await connection.Ask(
            async c => await c.Jobs.SubmitAsync(request, deadline: CoordinatorConnection.Deadline(CoordinatorConnection.SubmitTime)), CancellationToken.None);
        return reply.JobId;
    }

    private async Task<ExitCode> WatchAsync(CoordinatorConnection connection, string jobId, StopSignals signals)
    {
        JobStatus last;
        try
        {
            await using var view = TrainingViews.Create(context.Console, Json, context.Time);
            using var stopping = signals.First.Register(() => _ = RequestStopAsync(connection, jobId, view));
            last = await new JobWatcher(connection, context.Time).Watch(jobId, view, signals.Second);
        }
        catch (OperationCanceledException) when (signals.Second.IsCancellationRequested)
        {
            await context.Error.WriteLineAsync("Interrupted twice: ended at once. The same command goes on from the newest checkpoint.");
            return ExitCode.InterruptedTwice;
        }

        return await ReportAsync(last);
    }

    private async Task RequestStopAsync(CoordinatorConnection connection, string jobId, ITrainingView view)
    {
        view.ShowNote(job.Extract is null ? "Stopping after this step, with a checkpoint. Once more to end at once." : "Stopping; what is extracted stays. Once more to end at once.");
        await connection.Ask(async c => await c.Jobs.StopJobAsync(new StopJobRequest { JobId = jobId, Mode = StopMode.Checkpoint }), CancellationToken.None);
    }

    private async Task<ExitCode> ReportAsync(JobStatus last)
    {
        var outcome = JobStates.Outcome(last.State);
        if (!Json)
            await RunReport.WriteAsync(context, job, last);
        if (outcome == ExitCode.Failed)
            await context.Error.WriteLineAsync(last.Reason);
        return outcome;
    }

    private WorkerOptions AgentOptions(Uri coordinator) => new()
    {
        Coordinators = [coordinator],
        // The same in every start: the ranks of a process that was killed are known to be gone at once.
        WorkerId = "local",
        Slots = Math.Clamp(Environment.ProcessorCount / job.Workers.ThreadsPerRank, job.Workers.Min, job.Workers.Max),
        RankProgram = RankProgram.ThisExecutable(),
    };
}
