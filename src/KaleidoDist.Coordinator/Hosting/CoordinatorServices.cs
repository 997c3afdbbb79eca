using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime.Hosting;

namespace KaleidoDist.Coordinator;

/// <summary>What a coordinator is made of.</summary>
internal static class CoordinatorServices
{
    private const int MaxMessageBytes = 4 << 20;

    /// <summary>State, rules and workers' side.</summary>
    public static void AddCoordinator(this IServiceCollection services, CoordinatorHostOptions options, StateDatabase database)
    {
        services.AddSingleton(options.TimeProvider);
        services.AddSingleton(options.Coordinator);
        services.AddSingleton(options.Coordinator.Jobs);
        services.AddSingleton(database);
        services.AddSingleton<CoordinatorClock>();
        services.AddSingleton<JobMachine>();
        services.AddSingleton<JobEffects>();
        services.AddSingleton<SessionKeys>();
        services.AddSingleton<JobBoard>();
        services.AddSingleton<WorkerHub>();
        services.AddSingleton<WorkerRoll>();
        services.AddSingleton<DatasetRecords>();
        services.AddSingleton<IDatasetIndex, ParquetDatasetIndex>();
        services.AddSingleton<ICheckpointLedger, CatalogLedger>();
    }

    /// <summary>gRPC with health and reflection.</summary>
    public static void AddCoordinatorGrpc(this IServiceCollection services)
    {
        services.AddSingleton<SubmitReader>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = MaxMessageBytes;
            grpc.Interceptors.Add<ErrorInterceptor>();
        });
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks().AddCheck("coordinator", () => HealthCheckResult.Healthy());
    }

    /// <summary>One silo of its own cluster, on loopback, without a gateway: nobody else joins or connects.</summary>
    public static void AddCoordinatorSilo(this IHostApplicationBuilder builder)
        => builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(siloPort: ListenAddress.FreeLoopbackPort(), gatewayPort: 0);
            silo.Configure<EndpointOptions>(e => e.GatewayPort = 0);
            silo.Services.AddGrainStorage(SqliteGrainStorage.Name, (services, _) => new SqliteGrainStorage(services.GetRequiredService<StateDatabase>()));
        });

    /// <summary>What begins after the silo and before the first connection.</summary>
    public static void AddCoordinatorLoops(this IServiceCollection services)
    {
        services.AddHostedService<JobReviver>();
        services.AddHostedService<Pulse>();
        services.AddHostedService<CheckpointScrub>();
        services.Replace(ServiceDescriptor.Singleton<IHostLifetime, CallerOwnedLifetime>());
    }

    /// <summary>HTTP/2 without TLS on one end point.</summary>
    public static void UseCoordinatorKestrel(this IWebHostBuilder web, IPEndPoint endPoint)
        => web.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(endPoint, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(20);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        });

    /// <summary>The program's sinks; the runtime's own chatter only where it has an action for its reader.</summary>
    public static void AddCoordinatorLogging(this ILoggingBuilder logging, CoordinatorHostOptions options)
    {
        logging.ClearProviders();
        logging.AddFilter("Orleans", LogLevel.Warning);
        logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error); // warns of workstation GC, which is right here
        logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error); // false alarm at start
        logging.AddFilter(typeof(SqliteGrainStorage).FullName, LogLevel.None); // every failed write: the grain tells once
        logging.AddFilter("Polly", LogLevel.Warning); // every placement of a grain
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Grpc", LogLevel.Warning);
        options.ConfigureLogging?.Invoke(logging);
    }
}
