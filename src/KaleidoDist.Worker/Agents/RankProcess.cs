using System.Diagnostics;
using System.Runtime.InteropServices;
using Google.Protobuf.WellKnownTypes;
using KaleidoDist.Checkpoints;
using KaleidoDist.Protocol.V1;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Worker;

/// <summary>
/// One rank process as its agent sees it: what it was told, what it last reported, and how it ended. The agent reads its reports on
/// one thread and its log on another; both end with the process.
/// </summary>
internal sealed partial class RankProcess
{
    private const int MaxLogLineLength = 4096;

    // What a dead rank still had in its log arrives at once; a process it left behind may hold the log open.
    private static readonly TimeSpan LogGrace = TimeSpan.FromSeconds(2);

    private readonly Process process;
    private readonly TimeSpan exitGrace;
    private readonly MessagePipe<RankReport, RankCommand> pipe;
    private readonly Action<RankProcess, WorkerMessage> report;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly TaskCompletionSource<RankExited> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock state = new();
    private string endpoint = "";
    private string phase = "starting";
    private string lastLine = "";
    private long generation;
    private int rank = -1;
    private long step;
    private int missedBeats;
    private int stoppedLooks; // The watch's own.
    private bool hasBeaten;
    private long refusedConnections;
    private bool isGone;
    private RankFailure? failure;
    private RankOutcome outcome;

    private RankProcess(RankKey key, Process process, TimeSpan exitGrace, Action<RankProcess, WorkerMessage> report, TimeProvider time, ILogger logger)
    {
        (Key, this.process, this.exitGrace, this.report, this.time, this.logger) = (key, process, exitGrace, report, time, logger);
        ProcessId = process.Id;
        pipe = new MessagePipe<RankReport, RankCommand>(process.StandardOutput.BaseStream, process.StandardInput.BaseStream);
    }

    /// <summary>Who it is, for its whole life.</summary>
    internal RankKey Key { get; }

    /// <summary>The generation it was started for.</summary>
    internal long BornIn { get; private init; }

    /// <summary>Its process id.</summary>
    internal int ProcessId { get; }

    /// <summary>Completes when the process is gone, with how it ended.</summary>
    internal Task<RankExited> Exited => exited.Task;

    /// <summary>A checkpoint proposal that no coordinator has answered yet; sent again after a reconnect.</summary>
    internal WorkerMessage? PendingProposal { get; private set; }

    /// <summary>That the process is ready, as long as no generation has it; sent again after a reconnect.</summary>
    internal WorkerMessage? UnformedReady { get; private set; }

    /// <summary>That a joiner has a peer's state, as long as no generation has it; sent again after a reconnect.</summary>
    internal WorkerMessage? UnformedCaughtUp { get; private set; }

    /// <summary>The rank as it is reported in registrations and heartbeats.</summary>
    internal RunningRank Snapshot()
    {
        lock (state)
        {
            return new RunningRank
            {
                JobId = Key.JobId, Generation = generation, Rank = rank, Member = Key.Member, Endpoint = endpoint, Step = step, Phase = phase, ProcessId = ProcessId,
                RefusedConnections = refusedConnections,
            };
        }
    }

    /// <summary>Passes a generation on to the process, and remembers which rank it will be.</summary>
    internal void Form(FormGeneration form)
    {
        lock (state)
        {
            if (form.Members.FirstOrDefault(m => m.Member == Key.Member) is { } me && form.Generation > generation)
                (generation, rank, UnformedReady, UnformedCaughtUp) = (form.Generation, me.Rank, null, null);
        }

        Send(new RankCommand { Form = form });
    }

    /// <summary>Counts one period in which the process may have given a sign of life; returns how many in a row had none.</summary>
    internal int CountMissedBeat()
    {
        lock (state)
            return hasBeaten && !isGone ? missedBeats++ : 0;
    }

    /// <summary>Notes whether the process was found stopped; returns at how many looks in a row it was.</summary>
    internal int CountStopped(bool isStopped) => stoppedLooks = isStopped ? stoppedLooks + 1 : 0;

    /// <summary>
    /// Starts the process. Call on a thread that lives as long as the agent: the kernel ends the rank (PR_SET_PDEATHSIG) with the
    /// thread that forked it.
    /// </summary>
    internal static RankProcess Start(
        RankKey key, long bornIn, WorkerOptions options, IReadOnlyDictionary<string, string> environment, RankStart start,
        Action<RankProcess, WorkerMessage> report, TimeProvider time, ILogger logger)
    {
        var program = options.RankProgram;
        var info = new ProcessStartInfo(program.Path, program.Arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var (name, value) in environment)
            info.Environment[name] = value;
        info.Environment[RankHost.AgentVariable] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var process = Process.Start(info) ?? throw new InvalidOperationException($"The rank program '{program.Path}' did not start.");
        var rank = new RankProcess(key, process, options.ExitGrace, report, time, logger) { BornIn = bornIn };
        rank.pipe.TryWrite(new RankCommand { Start = start });
        rank.LogStarted(key, rank.ProcessId);
        var log = new Thread(rank.ReadLog) { IsBackground = true, Name = $"log {key}" };
        log.Start();
        new Thread(() => rank.Attend(log)) { IsBackground = true, Name = $"reports {key}" }.Start();
        return rank;
    }

    /// <summary>Sends a command; false when the process is gone.</summary>
    internal bool Send(RankCommand command)
    {
        if (command.CheckpointDecision is { } decision && PendingProposal?.CheckpointWritten.Proposal is { } asked && (asked.Generation, asked.Step, asked.Attempt) == (decision.Generation, decision.Step, decision.Attempt))
            PendingProposal = null;
        return pipe.TryWrite(command);
    }

    /// <summary>Ends the process at once.</summary>
    internal void Kill()
    {
        lock (state)
        {
            if (!isGone)
                process.Kill();
        }
    }

    /// <summary>Reads reports until there are no more, sees to it that the process ends, and says how it did.</summary>
    private void Attend(Thread log)
    {
        var complaint = ReadReports();
        if (complaint is not null)
        {
            LogKilled(Key, complaint);
            Kill();
            process.WaitForExit();
        }

        log.Join(LogGrace);
        var exit = DescribeExit(complaint);
        lock (state)
            isGone = true;
        pipe.Dispose();
        process.Dispose();
        exited.TrySetResult(exit);
    }

    /// <summary>Passes reports on to the last and waits for the process to end by itself; returns why it has to be ended, or null.</summary>
    private string? ReadReports()
    {
        try
        {
            while (pipe.Read() is { } message)
            {
                Handle(message);
                if (message.KindCase is RankReport.KindOneofCase.Finished or RankReport.KindOneofCase.Failure)
                    break;
            }

            return process.WaitForExit(exitGrace) ? null : $"the rank sent its last report, but did not end within {exitGrace.TotalSeconds:0.#} s";
        }
        catch (InvalidDataException error)
        {
            return $"the rank wrote something that is not a report ({error.Message})";
        }
    }

    private void Handle(RankReport message)
    {
        lock (state)
            missedBeats = 0;
        switch (message.KindCase)
        {
            case RankReport.KindOneofCase.Alive:
                lock (state)
                    (hasBeaten, step, phase, refusedConnections) = (true, message.Alive.Step, message.Alive.Phase, message.Alive.RefusedConnections);
                break;
            case RankReport.KindOneofCase.Formed:
                report(this, new WorkerMessage { RankFormed = message.Formed });
                break;
            case RankReport.KindOneofCase.Interrupted:
                report(this, new WorkerMessage { RankInterrupted = message.Interrupted });
                break;
            case RankReport.KindOneofCase.CaughtUp:
                var caughtUp = new WorkerMessage { RankCaughtUp = message.CaughtUp };
                lock (state)
                    UnformedCaughtUp = caughtUp;
                report(this, caughtUp);
                break;
            case RankReport.KindOneofCase.Ready:
                var ready = new WorkerMessage { RankReady = message.Ready };
                if (!message.Ready.AwaitsDonor)
                {
                    lock (state)
                        (endpoint, UnformedReady) = (message.Ready.Endpoint, ready);
                }

                report(this, ready);
                break;
            case RankReport.KindOneofCase.Progress:
                lock (state)
                    (step, phase) = (message.Progress.Step, message.Progress.Phase);
                report(this, new WorkerMessage { RankProgress = message.Progress });
                break;
            case RankReport.KindOneofCase.Checkpoint:
                lock (state)
                    PendingProposal = new WorkerMessage
                    {
                        CheckpointWritten = new CheckpointWritten { JobId = Key.JobId, Generation = message.Checkpoint.Generation, Rank = rank, Member = Key.Member, Proposal = message.Checkpoint },
                    };
                report(this, PendingProposal);
                break;
            case RankReport.KindOneofCase.Warning:
                report(this, new WorkerMessage { RankWarning = message.Warning });
                break;
            case RankReport.KindOneofCase.Finished:
                lock (state)
                {
                    outcome = message.Finished.Outcome;
                    (message.Finished.Generation, message.Finished.Rank) = (generation, rank);
                }

                report(this, new WorkerMessage { RankFinished = message.Finished });
                break;
            case RankReport.KindOneofCase.Failure:
                lock (state)
                    failure = message.Failure;
                break;
        }
    }

    private void ReadLog()
    {
        while (ReadLogLine() is { } line)
        {
            var text = line.Length <= MaxLogLineLength ? line : line[..MaxLogLineLength];
            if (text.Length > 0)
                lastLine = text;
            LogLineOf(Key, text);
            var entry = new LogLine
            {
                At = Timestamp.FromDateTimeOffset(time.GetUtcNow()), JobId = Key.JobId, Rank = rank, Generation = generation, Text = text,
            };
            report(this, new WorkerMessage { LogBatch = new LogBatch { Lines = { entry } } });
        }
    }

    private string? ReadLogLine()
    {
        try
        {
            return process.StandardError.ReadLine();
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    private RankExited DescribeExit(string? complaint)
    {
        lock (state)
        {
            var signal = ProcessControl.SignalNameOfExitCode(process.ExitCode);
            LogEnded(Key, process.ExitCode, signal);
            return new RankExited
            {
                JobId = Key.JobId,
                Generation = generation,
                Rank = rank,
                Member = Key.Member,
                Phase = phase,
                Step = step,
                ExitCode = process.ExitCode,
                Signal = signal,
                // What it logged last explains a crash, but not that somebody killed it.
                Error = failure?.Error ?? complaint ?? (process.ExitCode == 0 || signal is "SIGKILL" or "SIGTERM" ? "" : lastLine),
                Fatal = failure?.Fatal ?? false,
                Outcome = outcome,
            };
        }
    }

    [LoggerMessage(LogLevel.Debug, "Rank {Key} runs as process {ProcessId}.")]
    private partial void LogStarted(RankKey key, int processId);

    [LoggerMessage(LogLevel.Debug, "Rank {Key} ended with exit code {ExitCode} {Signal}.")]
    private partial void LogEnded(RankKey key, int exitCode, string signal);

    [LoggerMessage(LogLevel.Information, "{Key}: {Text}")]
    private partial void LogLineOf(RankKey key, string text);

    [LoggerMessage(LogLevel.Error, "Rank {Key} is killed: {Complaint}. Its job goes on without it.")]
    private partial void LogKilled(RankKey key, string complaint);
}
