using System.Runtime.InteropServices;

namespace KaleidoDist.Cli;

/// <summary>
/// SIGINT, SIGTERM and SIGHUP as two cancellations: the first asks to end in good order, the second to end now. While an instance
/// lives, the signals do nothing else.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource first = new();
    private readonly CancellationTokenSource second = new();
    private readonly List<PosixSignalRegistration> registrations;

    /// <summary>Takes the signals over.</summary>
    internal StopSignals()
        => registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(s => PosixSignalRegistration.Create(s, Receive))];

    /// <summary>Cancelled by the first signal.</summary>
    internal CancellationToken First => first.Token;

    /// <summary>Cancelled by the second signal.</summary>
    internal CancellationToken Second => second.Token;

    /// <summary>Gives the signals back.</summary>
    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        first.Dispose();
        second.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        var next = first.IsCancellationRequested ? second : first;
        // Cancellation runs continuations: not on the signal's thread.
        _ = next.CancelAsync();
    }
}
