using Microsoft.Extensions.Hosting;

namespace KaleidoDist.Coordinator;

/// <summary>Leaves signals to the program: a coordinator inside <c>kaleido train</c> must not stop at the first Ctrl-C, before its ranks have saved.</summary>
internal sealed class CallerOwnedLifetime : IHostLifetime
{
    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
