using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Ctrl-C for verbs that read and write files: the first ends between two rows, the second at once.</summary>
internal sealed class DataStop : IDisposable
{
    private readonly StopSignals signals = new();
    private readonly CancellationTokenSource linked;

    /// <summary>Takes the signals over.</summary>
    public DataStop(CancellationToken cancel)
    {
        linked = CancellationTokenSource.CreateLinkedTokenSource(signals.First, cancel);
        signals.Second.Register(() => Environment.Exit((int)ExitCode.InterruptedTwice));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => linked.Token;

    /// <summary>Gives the signals back.</summary>
    public void Dispose()
    {
        linked.Dispose();
        signals.Dispose();
    }
}
