using Grpc.Core;
using Grpc.Net.Client;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>A gRPC channel to the coordinator; its refusals become errors a person can act on.</summary>
internal sealed class CoordinatorConnection : IDisposable
{
    /// <summary>How long a question may take that the coordinator answers from memory.</summary>
    internal static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(15);

    /// <summary>How long a submit may take: the coordinator reads the footer of every data file.</summary>
    internal static readonly TimeSpan SubmitTime = TimeSpan.FromMinutes(5);

    /// <summary>After this long without a sign of life a connection is tested, and after as long again given up.</summary>
    private static readonly TimeSpan SilenceTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestReconnectPause = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel channel;

    /// <summary>Prepares a channel; nothing is sent before the first call.</summary>
    internal CoordinatorConnection(Uri address)
    {
        Address = address;
        channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = SilenceTime,
                KeepAlivePingDelay = SilenceTime,
                KeepAlivePingTimeout = SilenceTime,
                EnableMultipleHttp2Connections = true,
            },
            DisposeHttpClient = true,
            MaxReconnectBackoff = LongestReconnectPause,
        });
        Jobs = new JobService.JobServiceClient(channel);
        Workers = new WorkerService.WorkerServiceClient(channel);
    }

    /// <summary>Where the coordinator is.</summary>
    internal Uri Address { get; }

    /// <summary>Jobs.</summary>
    internal JobService.JobServiceClient Jobs { get; }

    /// <summary>Workers.</summary>
    internal WorkerService.WorkerServiceClient Workers { get; }

    /// <summary>When a call that starts now has to be answered, by the clock that gRPC itself goes by.</summary>
    internal static DateTime Deadline(TimeSpan within) => TimeProvider.System.GetUtcNow().UtcDateTime + within;

    /// <summary>Makes one call; a refusal becomes a <see cref="KaleidoException"/>.</summary>
    internal async Task<T> Ask<T>(Func<CoordinatorConnection, Task<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call(this);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled && cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (RpcException error)
        {
            throw Explain(error);
        }
    }

    /// <summary>The error a person reads for a refused call.</summary>
    internal KaleidoException Explain(RpcException error) => error.StatusCode switch
    {
        StatusCode.Unavailable => new KaleidoException(
            $"No coordinator answers at {Address.OriginalString} ({Cause(error)}). Start one with 'kaleido coordinator', or name another with --coordinator URL or {CoordinatorAddress.VariableName}.", inner: error),
        StatusCode.DeadlineExceeded => new KaleidoException(
            $"The coordinator at {Address.OriginalString} did not answer in time. It may be overloaded or unreachable; try again, or look at its log.", inner: error),
        StatusCode.InvalidArgument => KaleidoException.Usage(error.Status.Detail, error),
        StatusCode.Unimplemented => new KaleidoException(
            $"The server at {Address.OriginalString} does not know this request. It is another program or another version of kaleido.", inner: error),
        _ => new KaleidoException(error.Status.Detail is { Length: > 0 } detail ? detail : $"The coordinator at {Address.OriginalString} refused: {error.StatusCode}.", inner: error),
    };

    /// <summary>Closes the channel.</summary>
    public void Dispose() => channel.Dispose();

    private static string Cause(RpcException error)
    {
        var cause = error.Status.DebugException ?? error;
        while (cause.InnerException is { } inner)
            cause = inner;
        return SpecText.OneLine(cause.Message.TrimEnd('.'));
    }
}
