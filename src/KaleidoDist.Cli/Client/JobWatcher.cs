using System.Threading.Channels;
using Grpc.Core;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>
/// Follows a job until it settles: its snapshots and its steps are two streams of the coordinator, merged here and shown one after
/// the other. A coordinator that goes away stops no training, so a lost stream is opened again for a bounded time.
/// </summary>
internal sealed class JobWatcher(CoordinatorConnection coordinator, TimeProvider time)
{
    /// <summary>How long a coordinator may be away before the watching gives up; the job may go on without it.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Pause before a lost stream is opened again.</summary>
    internal static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    /// <summary>How long the steps of a settled job are waited for.</summary>
    internal static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private const int QueuedMessages = 256;

    /// <summary>Follows the job; returns its last snapshot. The view is not disposed.</summary>
    /// <exception cref="KaleidoException">The coordinator refuses, or was away for longer than <see cref="Patience"/>.</exception>
    internal async Task<JobStatus> Watch(string jobId, ITrainingView view, CancellationToken cancellation)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var messages = Channel.CreateBounded<Action<ITrainingView>>(QueuedMessages);
        var showing = ShowAll(messages.Reader, view);
        var status = ReadStatus(jobId, messages.Writer, ended.Token);
        var steps = ReadSteps(jobId, messages.Writer, status, ended.Token);
        try
        {
            var last = await status;
            await WaitForLastSteps(steps, cancellation);
            return last;
        }
        finally
        {
            // Whatever they end with now was thrown above, or is this cancellation.
            await ended.CancelAsync();
            await Task.WhenAll(steps, status).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            messages.Writer.Complete();
            await showing;
        }
    }

    /// <summary>The last steps may still be on their way when the job has settled; they are for the display alone, so not for long.</summary>
    private async Task WaitForLastSteps(Task steps, CancellationToken cancellation)
    {
        using var waited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var first = await Task.WhenAny(steps, Task.Delay(DrainTime, time, waited.Token));
        await waited.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
        if (first == steps)
            await steps;
    }

    private static async Task ShowAll(ChannelReader<Action<ITrainingView>> messages, ITrainingView view)
    {
        await foreach (var show in messages.ReadAllAsync())
            show(view);
    }

    private async Task<JobStatus> ReadStatus(string jobId, ChannelWriter<Action<ITrainingView>> messages, CancellationToken cancellation)
    {
        JobStatus? last = null;
        await Persist(
            async progress =>
            {
                using var call = coordinator.Jobs.WatchJob(new GetJobRequest { JobId = jobId }, cancellationToken: cancellation);
                await foreach (var status in call.ResponseStream.ReadAllAsync(cancellation))
                {
                    progress();
                    last = status;
                    await messages.WriteAsync(v => v.Show(status), cancellation);
                    if (JobStates.IsSettled(status.State))
                        return true;
                }

                return false;
            },
            note => messages.TryWrite(v => v.ShowNote(note)),
            cancellation);
        return last!;
    }

    private Task ReadSteps(string jobId, ChannelWriter<Action<ITrainingView>> messages, Task settled, CancellationToken cancellation)
    {
        long lastStep = 0, samples = 0, generation = 0;
        return Persist(
            async progress =>
            {
                using var call = coordinator.Jobs.ReadMetrics(new ReadMetricsRequest { JobId = jobId, AfterStep = lastStep, Follow = true }, cancellationToken: cancellation);
                await foreach (var step in call.ResponseStream.ReadAllAsync(cancellation))
                {
                    progress();

                    // After a reconnect a step may be told again; a new generation may go back and do steps again.
                    if (step.Generation < generation || (step.Generation == generation && step.Step <= lastStep && step.Samples <= samples))
                        continue;
                    (lastStep, samples, generation) = (step.Step, step.Samples, step.Generation);
                    await messages.WriteAsync(v => v.Show(step), cancellation);
                }

                // The steps end when the job settles; the snapshot that says so may be a moment behind.
                await Task.WhenAny(settled, Task.Delay(RetryPause, time, cancellation));
                return settled.IsCompleted;
            },
            _ => { },
            cancellation);
    }

    /// <summary>
    /// Reads a stream until it says it is done (true), again after a lost connection or an early end, until nothing was heard for
    /// <see cref="Patience"/>.
    /// </summary>
    private async Task Persist(Func<Action, Task<bool>> read, Action<string> note, CancellationToken cancellation)
    {
        var heardAt = time.GetTimestamp();
        while (true)
        {
            try
            {
                if (await read(() => heardAt = time.GetTimestamp()))
                    return;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled && cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellation);
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && time.GetElapsedTime(heardAt) < Patience)
            {
                note($"The coordinator at {coordinator.Address.OriginalString} is away; training goes on without it. Trying again.");
            }
            catch (RpcException error)
            {
                throw coordinator.Explain(error);
            }

            await Task.Delay(RetryPause, time, cancellation);
        }
    }
}
