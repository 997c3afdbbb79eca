using System.Net;
using KaleidoDist.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace KaleidoDist.Coordinator;

/// <summary>
/// A coordinator in this process: gRPC over Kestrel, grains in a silo of its own, state in one folder. <c>kaleido coordinator</c> is this
/// alone; <c>kaleido train</c> is this and a worker.
/// </summary>
public sealed class CoordinatorHost : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly WebApplication app;
    private readonly StateDatabase database;
    private bool isStopped;

    private CoordinatorHost(WebApplication app, StateDatabase database, Uri address)
    {
        this.app = app;
        this.database = database;
        Address = address;
    }

    /// <summary>Where it listens, with the real port.</summary>
    public Uri Address { get; }

    /// <summary>Starts a coordinator; returns when it serves and the jobs of its state folder are taken up.</summary>
    /// <exception cref="KaleidoException">The port is in use, the address would be open to others, or the state folder cannot be had (exit code 2).</exception>
    public static async Task<CoordinatorHost> StartAsync(CoordinatorHostOptions options, CancellationToken cancellation = default)
    {
        var endPoint = ListenAddress.Resolve(options.Listen, options.Insecure);
        ListenAddress.RequireFree(endPoint);
        var database = new StateDatabase(options.StateDirectory, options.TimeProvider);
        try
        {
            var app = Build(options, endPoint, database);
            try
            {
                await app.StartAsync(cancellation);
                return new CoordinatorHost(app, database, BoundAddress(app));
            }
            catch
            {
                await app.DisposeAsync();
                throw;
            }
        }
        catch (Exception error)
        {
            await database.DisposeAsync();
            if (error is IOException { InnerException: AddressInUseException })
                throw ListenAddress.NotFree(endPoint, error);
            throw;
        }
    }

    /// <summary>Stops serving and closes the state folder. Ranks go on training; they are found again by the next coordinator on this folder.</summary>
    public async Task StopAsync(CancellationToken cancellation = default)
    {
        if (isStopped)
            return;
        isStopped = true;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StopTimeout);
        try
        {
            await app.StopAsync(limit.Token);
        }
        finally
        {
            await app.DisposeAsync();
            await database.DisposeAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync();

    private static WebApplication Build(CoordinatorHostOptions options, IPEndPoint endPoint, StateDatabase database)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddCoordinatorLogging(options);
        builder.WebHost.UseCoordinatorKestrel(endPoint);
        builder.Services.AddCoordinator(options, database);
        builder.Services.AddCoordinatorGrpc();
        builder.AddCoordinatorSilo();
        builder.Services.AddCoordinatorLoops();
        options.ConfigureServices?.Invoke(builder.Services);

        var app = builder.Build();
        app.MapGrpcService<GrpcJobService>();
        app.MapGrpcService<GrpcWorkerService>();
        app.MapGrpcHealthChecksService();
        app.MapGrpcReflectionService();
        return app;
    }

    private static Uri BoundAddress(WebApplication app)
        => new(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
}
