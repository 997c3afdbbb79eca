using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>
/// The rank processes of one library, formed and asleep until it is their turn. Every rank connects to this process and answers lines:
/// first <c>RANK ENDPOINT</c>; <c>ready</c> to <c>form KEY ENDPOINTS...</c>; seconds to <c>run BYTES ITERATIONS</c>; our own also change generations, on <c>reform BYTES</c>. Ranks end when their
/// connection does.
/// </summary>
internal sealed class BenchGroup : IAsyncDisposable
{
    private static readonly TimeSpan FormLimit = TimeSpan.FromSeconds(60);

    private readonly BenchLibrary library;
    private readonly List<Process> processes = [];
    private readonly StreamReader[] readers;
    private readonly StreamWriter[] writers;

    private BenchGroup(BenchLibrary library, int worldSize)
        => (this.library, readers, writers) = (library, new StreamReader[worldSize], new StreamWriter[worldSize]);

    /// <summary>What is measured.</summary>
    internal BenchLibrary Library => library;

    /// <summary>Starts the ranks and waits until they have formed their group.</summary>
    /// <exception cref="KaleidoException">They do not form.</exception>
    internal static async Task<BenchGroup> StartAsync(BenchLibrary library, BenchSetting setting, int worldSize, CancellationToken cancellation)
    {
        var group = new BenchGroup(library, worldSize);
        try
        {
            using var listener = new TcpListener(IPAddress.Parse(setting.ControlAddress), 0);
            listener.Start();
            foreach (var start in library.Ranks(setting, worldSize, $"{setting.ControlAddress}:{((IPEndPoint)listener.LocalEndpoint).Port}"))
                group.processes.Add(Process.Start(start) ?? throw new KaleidoException($"'{start.FileName}' did not start."));
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(FormLimit);
            await group.FormAsync(listener, limit.Token);
            return group;
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            await group.DisposeAsync();
            throw new KaleidoException($"The {worldSize} ranks of {library.Name} did not form within {FormLimit.TotalSeconds:0} s: {error.Message} Look at their output above.", ExitCode.Failed, error);
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the ranks sum <paramref name="byteCount"/> bytes <paramref name="iterations"/> times.</summary>
    /// <returns>Seconds per iteration, of the slowest rank.</returns>
    internal async Task<double> RunAsync(long byteCount, int iterations, CancellationToken cancellation)
    {
        var answers = await AskAsync($"run {byteCount} {iterations}", cancellation);
        return answers.Max(answer => double.Parse(answer, CultureInfo.InvariantCulture));
    }

    /// <summary>Lets the ranks sum, one of them give up, and all of them form the next generation.</summary>
    /// <returns>Seconds from giving up until the last rank knew, and until the last rank had met the others in the new generation.</returns>
    internal async Task<(double Noticed, double Formed)> ReformAsync(long byteCount, CancellationToken cancellation)
    {
        var answers = await AskAsync($"reform {byteCount}", cancellation);
        double[][] instants = [.. answers.Select(answer => answer.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray())];
        var abortedAt = instants.Max(rank => rank[0]);
        return (instants.Max(rank => rank[1]) - abortedAt, instants.Max(rank => rank[2]) - abortedAt);
    }

    /// <summary>Says a line to all ranks.</summary>
    /// <returns>Their answers, by rank.</returns>
    internal async Task<string[]> AskAsync(string question, CancellationToken cancellation)
    {
        foreach (var writer in writers)
            await writer.WriteLineAsync(question.AsMemory(), cancellation);
        return await Task.WhenAll(readers.Select(reader => ReadAsync(reader, cancellation)));
    }

    /// <summary>Ends the ranks.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var writer in writers)
        {
            if (writer is not null)
                await writer.DisposeAsync();
        }

        foreach (var process in processes)
        {
            // They end by themselves when their connection does, unless they never had one.
            if (writers.Contains(null) || !process.WaitForExit(FormLimit))
                process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private async Task FormAsync(TcpListener listener, CancellationToken cancellation)
    {
        var endpoints = new string[readers.Length];
        for (var i = 0; i < readers.Length; i++)
        {
            var stream = new NetworkStream(await AcceptAsync(listener, cancellation), ownsSocket: true);
            var reader = new StreamReader(stream);
            var words = (await ReadAsync(reader, cancellation)).Split(' ');
            var rank = int.Parse(words[0], CultureInfo.InvariantCulture);
            (readers[rank], writers[rank], endpoints[rank]) = (reader, new StreamWriter(stream) { AutoFlush = true }, words[1]);
        }

        var key = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        await AskAsync($"form {key} {string.Join(' ', endpoints)}", cancellation);
    }

    private async Task<Socket> AcceptAsync(TcpListener listener, CancellationToken cancellation)
    {
        var accepting = listener.AcceptSocketAsync(cancellation).AsTask();
        var ended = Task.WhenAny(processes.Select(process => process.WaitForExitAsync(cancellation)));
        if (await Task.WhenAny(accepting, ended) == accepting)
            return await accepting;
        throw new KaleidoException("a rank ended.");
    }

    private async Task<string> ReadAsync(StreamReader reader, CancellationToken cancellation)
        => await reader.ReadLineAsync(cancellation) ?? throw new KaleidoException($"A rank of {library.Name} ended while it was measured; expected an answer. Look at its output above.");
}
