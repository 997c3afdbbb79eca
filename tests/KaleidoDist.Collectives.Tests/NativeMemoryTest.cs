[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KaleidoDist.Collectives.Tests;

/// <summary>Base of tests that use native memory: after each of them, all of it was given back.</summary>
public abstract class NativeMemoryTest : IDisposable
{
    private readonly long liveBefore = NativeBuffer.LiveCount;

    public void Dispose()
    {
        Assert.Equal(liveBefore, NativeBuffer.LiveCount);
        GC.SuppressFinalize(this);
    }
}
