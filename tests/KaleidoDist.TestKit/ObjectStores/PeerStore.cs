using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace KaleidoDist.TestKit;

/// <summary>An S3-compatible server that somebody else wrote, as a process of its own. <c>scripts/setup-peers.sh</c> installs those that tests know.</summary>
public sealed class PeerStore : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly Process process;

    private PeerStore(Process process, Uri endpoint) => (this.process, Endpoint) = (process, endpoint);

    /// <summary>Where it listens.</summary>
    public Uri Endpoint { get; }

    /// <summary>The program's path; it may not be there.</summary>
    public static string PathOf(string program) => Repository.PathOf("artifacts", "peers", program);

    /// <summary>Starts a server and waits until it takes connections.</summary>
    /// <param name="program">What <see cref="PathOf"/> takes.</param>
    /// <param name="arguments">Its arguments for a port.</param>
    public static async Task<PeerStore> StartAsync(string program, Func<int, IEnumerable<string>> arguments)
    {
        var port = FreePort();
        var start = new ProcessStartInfo(PathOf(program), arguments(port)) { RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var store = new PeerStore(process, new Uri($"http://127.0.0.1:{port}"));
        using var limit = new CancellationTokenSource(StartLimit);
        while (!await IsListeningAsync(port))
        {
            if (process.HasExited)
                throw new InvalidOperationException($"'{start.FileName}' ended with {process.ExitCode}; expected it to listen on port {port}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token);
        }

        return store;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static async Task<bool> IsListeningAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
