using System.Security.Cryptography;
using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Cli.Tests;

/// <summary>Imports as processes of their own, ended by signals.</summary>
public sealed class ImportProcessTests : IDisposable
{
    private const int RowCount = 600;
    private static readonly byte[] Png = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==");

    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-import-").FullName;

    public ImportProcessTests()
    {
        Directory.CreateDirectory(At("pictures"));
        File.WriteAllBytes(At("pictures/dot.png"), Png);
        File.WriteAllText(At("list.csv"), "image,text,product_id\n" + string.Concat(Enumerable.Range(0, RowCount).Select(i => $"dot.png,dot {i},{i}\n")));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string At(string name) => Path.Combine(folder, name);

    private string[] Command(string output) => ["data", "import", At("pictures"), At("list.csv"), At(output), "--max-side", "8", "--row-group-rows", "5", "--file-rows", "10"];

    private IReadOnlyDictionary<string, string> Contents(string output)
        => Directory.GetFiles(At(output), "*.parquet", SearchOption.AllDirectories)
            .ToDictionary(f => Path.GetRelativePath(At(output), f), f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))));

    private async Task<KaleidoProcess> StartAndWaitForShardsAsync(string output)
    {
        var process = KaleidoProcess.Start(Command(output));
        await process.While("the third shard", () => File.Exists(At($"{output}/train/part-02.parquet")) ? "there" : null);
        return process;
    }

    [Fact]
    public async Task AnImportThatIsKilledOrInterruptedGoesOnAndEndsWithTheSameBytes()
    {
        var whole = await KaleidoProcess.RunAsync(Command("whole"));
        Assert.Equal(0, whole.ExitCode);

        await using (var killed = await StartAndWaitForShardsAsync("out"))
        {
            killed.Signal(ProcessSignal.Kill);
            await killed.Exit("SIGKILL");
        }

        var shards = Directory.GetFiles(At("out/train"), "*.parquet").Length;
        Assert.InRange(shards, 3, Contents("whole").Count - 1);

        await using (var interrupted = KaleidoProcess.Start(Command("out")))
        {
            await interrupted.While("another shard", () => Directory.GetFiles(At("out/train"), "*.parquet").Length > shards ? "there" : null);
            interrupted.Signal(ProcessSignal.Interrupt);
            await interrupted.Exit("Ctrl-C", expected: 75);
            Assert.Equal([$"Interrupted; complete shards stay. Go on with: kaleido {string.Join(' ', Command("out"))}"], interrupted.Errors);
        }

        var last = await KaleidoProcess.RunAsync(Command("out"));
        Assert.Equal(0, last.ExitCode);
        Assert.Equal(Contents("whole"), Contents("out"));
    }
}
