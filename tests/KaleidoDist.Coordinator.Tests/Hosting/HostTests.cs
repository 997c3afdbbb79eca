using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Grpc.Health.V1;
using Grpc.Net.Client;
using KaleidoDist.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Coordinator.Tests;

public sealed class HostTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-host-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void TheRuntimeDoesNotLogEveryWriteThatFails()
    {
        using var services = new ServiceCollection().AddLogging(logging => logging.AddCoordinatorLogging(new CoordinatorHostOptions { StateDirectory = "unused", ConfigureLogging = l => l.AddProvider(new MemoryLog()) })).BuildServiceProvider();
        var loggers = services.GetRequiredService<ILoggerFactory>();
        Assert.False(loggers.CreateLogger<SqliteGrainStorage>().IsEnabled(LogLevel.Critical));
        Assert.True(loggers.CreateLogger<JobGrain>().IsEnabled(LogLevel.Information));
    }

    [Fact]
    public async Task ItServesHealthOnThePortItNames()
    {
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder });
        Assert.NotEqual(0, host.Address.Port);
        using var channel = GrpcChannel.ForAddress(host.Address);
        var reply = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
    }

    [Fact]
    public async Task APortInUseIsOneClearLineAndNothingIsLeftBehind()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var error = await Assert.ThrowsAsync<KaleidoException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder, Listen = new Uri($"http://127.0.0.1:{port}") }));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.StartsWith($"Port {port} on 127.0.0.1 cannot be listened on", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder });
    }

    [Fact]
    public async Task TwoCoordinatorsCannotShareAStateFolder()
    {
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder });
        var error = await Assert.ThrowsAsync<KaleidoException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder }));
        Assert.Contains("in use by another coordinator", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", "can be reached by other machines")]
    [InlineData("http://[::]:0", "can be reached by other machines")]
    [InlineData("https://127.0.0.1:0", "is not an http address")]
    [InlineData("http://example.org:0", "names a host")]
    public async Task AnAddressThatIsOpenOrUnclearIsRefused(string listen, string expected)
    {
        var error = await Assert.ThrowsAsync<KaleidoException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder, Listen = new Uri(listen) }));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ItStopsPromptlyWhileAWorkerIsConnected()
    {
        var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { StateDirectory = folder });
        await using var worker = await FakeWorker.ConnectAsync(host.Address, "w1", 1);
        await worker.WelcomeAsync();
        var clock = Stopwatch.StartNew();
        await host.StopAsync();
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }
}
