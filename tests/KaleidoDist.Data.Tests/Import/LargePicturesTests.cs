namespace KaleidoDist.Data.Tests;

public sealed class LargePicturesTests
{
    private static readonly PixelImage Large = new(default, 4096, 4096);
    private static readonly PixelImage Small = new(default, 4096, 4095);

    [Fact]
    public async Task LargePicturesAreConvertedOneAtATimeAndSmallOnesMeanwhile()
    {
        using var pictures = new LargePictures();
        using var begun = new SemaphoreSlim(0);
        using var mayEnd = new SemaphoreSlim(0);
        var atOnce = 0;
        var first = Task.Run(() => pictures.Convert(Large, Hold));
        await begun.WaitAsync();
        var second = Task.Run(() => pictures.Convert(Large, Hold));
        Assert.Equal("small", pictures.Convert(Small, () => "small"));
        mayEnd.Release(2);
        int[] most = await Task.WhenAll(first, second);
        Assert.Equal([1, 1], most);

        int Hold()
        {
            var count = Interlocked.Increment(ref atOnce);
            begun.Release();
            mayEnd.Wait();
            Interlocked.Decrement(ref atOnce);
            return count;
        }
    }
}
