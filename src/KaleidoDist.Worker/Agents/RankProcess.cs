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
    private const int MaxLineLength = 4096;
    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(10);
    private readonly Process process;
    private readonly MessagePipe<RankReport, RankCommand> pipe;
    private readonly Action<RankProcess, WorkerMessage> report;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly TaskCompletionSource<RankExited> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock state = new();
    private string endpoint = "";
    private string phase = "starting";
    private string lastLine = "";
    private long step;
    private RankFailure? failure;
    private RankOutcome outcome;

    private RankProcess(RankKey key, Process process, Action<RankProcess, WorkerMessage> report, TimeProvider time, ILogger logger)
    {
        (Key, this.process, this.report, this.time, this.logger) = (key, process, report, time, logger);
        pipe = new MessagePipe<RankReport, RankCommand>(process.StandardOutput.BaseStream, process.StandardInput.BaseStream);
    }

    /// <summary>Who it is.</summary>
    internal RankKey Key { get; }

    /// <summary>Completes when the process is gone, with how it ended.</summary>
    internal Task<RankExited> Exited => exited.Task;

    /// <summary>A checkpoint proposal that no coordinator has answered yet; sent again after a reconnect.</summary>
    internal WorkerMessage? PendingProposal { get; private set; }

    /// <summary>The rank as it is reported in registrations and heartbeats.</summary>
    internal RunningRank Snapshot()
    {
        lock (state)
        {
            return new RunningRank
            {
                JobId = Key.JobId, Generation = Key.Generation, Rank = Key.Rank, Endpoint = endpoint, Step = step, Phase = phase, ProcessId = process.Id,
            };
        }
    }

    /// <summary>
    /// Starts the process. Call on a thread that lives as long as the agent: the kernel ends the rank (PR_SET_PDEATHSIG) with the
    /// thread that forked it.
    /// </summary>
    internal static RankProcess Start(
        RankKey key, RankProgram program, IReadOnlyDictionary<string, string> environment, RankStart start,
        Action<RankProcess, WorkerMessage> report, TimeProvider time, ILogger logger)
    {
        var info = new ProcessStartInfo(program.Path)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var argument in program.Arguments)
            info.ArgumentList.Add(argument);
        foreach (var (name, value) in environment)
            info.Environment[name] = value;
        info.Environment[RankHost.AgentVariable] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var process = Process.Start(info) ?? throw new InvalidOperationException($"The rank program '{program.Path}' did not start.");
        var rank = new RankProcess(key, process, report, time, logger);
        rank.pipe.TryWrite(new RankCommand { Start = start });
        rank.LogStarted(key, process.Id);
        new Thread(rank.ReadReports) { IsBackground = true, Name = $"reports {key}" }.Start();
        new Thread(rank.ReadLog) { IsBackground = true, Name = $"log {key}" }.Start();
        return rank;
    }

    /// <summary>Sends a command; false when the process is gone.</summary>
    internal bool Send(RankCommand command)
    {
        if (command.CheckpointDecision is not null)
            PendingProposal = null;
        return pipe.TryWrite(command);
    }

    /// <summary>Ends the process at once.</summary>
    internal void Kill()
    {
        if (!Exited.IsCompleted)
            ProcessControl.TrySignal(process.Id, ProcessSignal.Kill);
    }

    private void ReadReports()
    {
        try
        {
            while (pipe.Read() is { } message)
                Handle(message);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException error)
        {
            LogBrokenReports(Key, error.Message);
            Kill();
        }

        // A rank that reports no more is of no use, whatever keeps it alive.
        if (!process.WaitForExit(ExitGrace))
            Kill();
        process.WaitForExit();
        exited.TrySetResult(DescribeExit());
        pipe.Dispose();
    }

    private void Handle(RankReport message)
    {
        switch (message.KindCase)
        {
            case RankReport.KindOneofCase.Ready:
                lock (state)
                    endpoint = message.Ready.Endpoint;
                report(this, new WorkerMessage { RankReady = message.Ready });
                break;
            case RankReport.KindOneofCase.Progress:
                lock (state)
                    (step, phase) = (message.Progress.Step, message.Progress.Phase);
                report(this, new WorkerMessage { RankProgress = message.Progress });
                break;
            case RankReport.KindOneofCase.Checkpoint:
                PendingProposal = new WorkerMessage
                {
                    CheckpointWritten = new CheckpointWritten { JobId = Key.JobId, Generation = Key.Generation, Rank = Key.Rank, Proposal = message.Checkpoint },
                };
                report(this, PendingProposal);
                break;
            case RankReport.KindOneofCase.Warning:
                report(this, new WorkerMessage { RankWarning = message.Warning });
                break;
            case RankReport.KindOneofCase.Finished:
                lock (state)
                    outcome = message.Finished.Outcome;
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
            var text = line.Length <= MaxLineLength ? line : line[..MaxLineLength];
            if (text.Length > 0)
                lastLine = text;
            LogLineOf(Key, text);
            var entry = new LogLine
            {
                At = Timestamp.FromDateTimeOffset(time.GetUtcNow()), JobId = Key.JobId, Rank = Key.Rank, Generation = Key.Generation, Text = text,
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

    private RankExited DescribeExit()
    {
        lock (state)
        {
            var signal = ProcessControl.SignalNameOfExitCode(process.ExitCode);
            LogEnded(Key, process.ExitCode, signal);
            return new RankExited
            {
                JobId = Key.JobId,
                Generation = Key.Generation,
                Rank = Key.Rank,
                ExitCode = process.ExitCode,
                Signal = signal,
                Error = failure?.Error ?? (process.ExitCode == 0 ? "" : lastLine),
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

    [LoggerMessage(LogLevel.Error, "Rank {Key} wrote something that is not a report ({Error}); it is ended, its job recovers from the newest checkpoint.")]
    private partial void LogBrokenReports(RankKey key, string error);
}
