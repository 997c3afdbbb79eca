using System.Threading.Channels;
using Grpc.Core;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>
/// One worker's stream in three loops: commands down, messages up, and reports to jobs in order. Heartbeats and progress never wait
/// behind a job that is busy committing. A report that a job cannot store ends the stream: the worker then reports again.
/// </summary>
internal sealed partial class WorkerSession(IGrainFactory grains, IWorkerGrain worker, WorkerOutbox outbox, JobBoard board, ILogger<WorkerSession> logger)
{
    private const int MaxReports = 1024;
    private readonly HashSet<Wire.WorkerMessage.KindOneofCase> unexpected = [];
    private readonly Channel<Wire.WorkerMessage> reports = Channel.CreateBounded<Wire.WorkerMessage>(new BoundedChannelOptions(MaxReports) { SingleReader = true, SingleWriter = true });

    /// <summary>Why the worker left of its own will; null when it did not.</summary>
    public string? Goodbye { get; private set; }

    /// <summary>Runs until either side ends the stream.</summary>
    /// <param name="register">The stream's first message.</param>
    /// <param name="requests">Messages from the worker.</param>
    /// <param name="responses">Commands to it.</param>
    /// <param name="ending">Ended by the first loop that ends.</param>
    public async Task RunAsync(Wire.Register register, IAsyncStreamReader<Wire.WorkerMessage> requests, IServerStreamWriter<Wire.CoordinatorMessage> responses, CancellationTokenSource ending)
    {
        var down = EndingAfter(SendAsync(responses, ending.Token), ending);
        var up = EndingAfter(ReceiveAsync(requests, ending.Token), ending);
        try
        {
            // Ends before what runs: a rank that finished while nobody listened is not missing.
            foreach (var exited in register.Exited)
                await HandOnAsync(new Wire.WorkerMessage { RankExited = exited });
            await worker.Announce(WorkerReports.Hello(register), outbox.Session);
            await EndingAfter(ReportAsync(), ending);
        }
        finally
        {
            await ending.CancelAsync();
            outbox.Complete();
            await Task.WhenAll(down, up).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.WhenAll(down, up);
    }

    private static async Task EndingAfter(Task loop, CancellationTokenSource ending)
    {
        try
        {
            await loop;
        }
        catch (Exception error) when (ending.IsCancellationRequested && error is OperationCanceledException or IOException or RpcException or InvalidOperationException)
        {
            // The stream is over: how its other half ends is no news.
        }
        finally
        {
            await ending.CancelAsync();
        }
    }

    private async Task SendAsync(IServerStreamWriter<Wire.CoordinatorMessage> responses, CancellationToken cancellation)
    {
        await foreach (var message in outbox.ReadAllAsync(cancellation))
            await responses.WriteAsync(message, cancellation);
    }

    private async Task ReceiveAsync(IAsyncStreamReader<Wire.WorkerMessage> requests, CancellationToken cancellation)
    {
        try
        {
            await foreach (var message in requests.ReadAllAsync(cancellation))
                await ReceiveAsync(message, cancellation);
        }
        finally
        {
            reports.Writer.Complete();
        }
    }

    private async Task ReceiveAsync(Wire.WorkerMessage message, CancellationToken cancellation)
    {
        switch (message.KindCase)
        {
            case Wire.WorkerMessage.KindOneofCase.Heartbeat:
                await worker.Beat(outbox.Session);
                foreach (var running in message.Heartbeat.Running)
                {
                    if (board.TryGet(running.JobId, out var alive))
                        alive.Beat(running);
                }

                break;
            case Wire.WorkerMessage.KindOneofCase.LogBatch:
                foreach (var line in message.LogBatch.Lines)
                {
                    if (board.TryGet(line.JobId, out var logged))
                        logged.Append(line);
                }

                break;
            case Wire.WorkerMessage.KindOneofCase.RankProgress:
                if (board.TryGet(message.RankProgress.JobId, out var progressed))
                    progressed.Progress(message.RankProgress);
                if (message.RankProgress.Metrics is not null)
                    await reports.Writer.WriteAsync(message, cancellation);
                break;
            case Wire.WorkerMessage.KindOneofCase.RankSilent:
                if (board.TryGet(message.RankSilent.JobId, out var hung))
                    hung.Silence(message.RankSilent);
                await reports.Writer.WriteAsync(message, cancellation);
                break;
            case Wire.WorkerMessage.KindOneofCase.RankFormed:
                if (board.TryGet(message.RankFormed.JobId, out var formed))
                    formed.Formed(message.RankFormed);
                await reports.Writer.WriteAsync(message, cancellation);
                break;
            case Wire.WorkerMessage.KindOneofCase.Goodbye:
                Goodbye = message.Goodbye.Reason;
                break;
            default:
                await reports.Writer.WriteAsync(message, cancellation);
                break;
        }
    }

    /// <summary>Hands reports to their jobs in order; what was received is handed on even when the stream is over.</summary>
    private async Task ReportAsync()
    {
        await foreach (var message in reports.Reader.ReadAllAsync())
            await HandOnAsync(message);
    }

    private async Task HandOnAsync(Wire.WorkerMessage message)
    {
        if (message.LeaveRequest is { } leave)
        {
            await worker.Drain(leave.Reason.Length > 0 ? leave.Reason : "it was told to end");
            return;
        }

        if (WorkerReports.Read(message, outbox.WorkerId, outbox.Incarnation) is not { } report)
        {
            if (unexpected.Add(message.KindCase))
                Unexpected(outbox.WorkerId, message.KindCase);
            return;
        }

        await grains.GetGrain<IJobGrain>(report.JobId).Apply(report.Command);
        // Only once the job has stored it: a slot that is in use is how the pool knows which jobs to tell of this worker's next registration.
        if (report.Command is JobCommand.RankExited exited)
            await grains.GetGrain<IPoolGrain>(IPoolGrain.TheOne).Vacate(outbox.WorkerId, new SlotUse(report.JobId, exited.Member));
    }

    [LoggerMessage(LogLevel.Warning, "Worker {WorkerId} sends messages that are not expected here: {Kind}. Use one version of kaleido everywhere")]
    private partial void Unexpected(string workerId, Wire.WorkerMessage.KindOneofCase kind);
}
