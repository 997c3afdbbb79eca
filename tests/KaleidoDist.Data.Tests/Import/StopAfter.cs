namespace KaleidoDist.Data.Tests;

/// <summary>Cancels at the n-th report of progress.</summary>
internal sealed class StopAfter(int reports) : IProgress<ImportProgress>, IDisposable
{
    private readonly CancellationTokenSource source = new();
    private int count;

    public CancellationToken Token => source.Token;

    public int Count => count;

    public void Report(ImportProgress value)
    {
        if (++count == reports)
            source.Cancel();
    }

    public void Dispose() => source.Dispose();
}
