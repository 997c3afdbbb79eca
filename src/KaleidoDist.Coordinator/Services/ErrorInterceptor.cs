using Grpc.Core;
using Grpc.Core.Interceptors;
using KaleidoDist.Contracts;
using Orleans.Runtime;

namespace KaleidoDist.Coordinator;

/// <summary>Errors as gRPC statuses: the user's are INVALID_ARGUMENT with their message, an unreachable grain is UNAVAILABLE (try again).</summary>
internal sealed partial class ErrorInterceptor(ILogger<ErrorInterceptor> logger) : Interceptor
{
    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception error) when (error is not RpcException)
        {
            throw Translate(error, context);
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception error) when (error is not RpcException)
        {
            throw Translate(error, context);
        }
    }

    /// <inheritdoc/>
    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (Exception error) when (error is not RpcException)
        {
            throw Translate(error, context);
        }
    }

    private RpcException Translate(Exception error, ServerCallContext context)
    {
        switch (error)
        {
            case KaleidoException { ExitCode: ExitCode.Usage }:
                return new RpcException(new Status(StatusCode.InvalidArgument, error.Message));
            case KaleidoException:
                return new RpcException(new Status(StatusCode.FailedPrecondition, error.Message));
            case OperationCanceledException when context.CancellationToken.IsCancellationRequested:
                return new RpcException(new Status(StatusCode.Cancelled, "The caller cancelled."));
            case OperationCanceledException or TimeoutException or SiloUnavailableException or OrleansMessageRejectionException or ObjectDisposedException:
                return new RpcException(new Status(StatusCode.Unavailable, "The coordinator is stopping or busy; try again."));
            default:
                Failed(context.Method, error);
                return new RpcException(new Status(StatusCode.Internal, $"The coordinator failed: {error.Message} Its log has the details."));
        }
    }

    [LoggerMessage(LogLevel.Error, "{Method} failed")]
    private partial void Failed(string method, Exception error);
}
