using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Real processes that kill themselves in the middle of a save, its commit or retention, at every write, fsync and link.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int EarlierCount = 3;
    private const int SigkillExitCode = 137;
    private static readonly ParallelOptions TwoAtATime = new() { MaxDegreeOfParallelism = 2 };

    [Fact]
    public async Task AProcessKilledAtAnyWriteFsyncOrLinkLosesNoAcknowledgedCheckpointAndTheNextSaveWorks()
    {
        var deaths = Deaths();
        output.WriteLine($"{deaths.Count} processes");
        Assert.InRange(deaths.Count, 34, 50);
        await Parallel.ForEachAsync(deaths, TwoAtATime, async (death, _) => await KillAndRecover(death.Number, death.Moment));
    }

    /// <summary>What the process does: one save on three checkpoints, then retention. Tells its parent when the checkpoint is acknowledged.</summary>
    internal static int SaveAsChild(string folder, int number, Moment moment)
    {
        SaveAndRetain(folder, new KillingStorage(number, moment), seq => Console.WriteLine(seq));
        return 0;
    }

    /// <summary>Each write half done, each fsync of a file and the link before and after, each fsync of a directory and each end of a removal after.</summary>
    private static List<(int Number, Moment Moment)> Deaths()
    {
        using var folder = new TemporaryFolder();
        SaveEarlier(folder.Path);
        var storage = new KillingStorage(0, Moment.Never);
        SaveAndRetain(folder.Path, storage, _ => { });
        return
        [
            .. storage.Journal.Index().SelectMany(o => o.Item switch
            {
                Operation.Write => [(o.Index + 1, Moment.Halfway)],
                Operation.Sync or Operation.Link => [(o.Index + 1, Moment.Before), (o.Index + 1, Moment.After)],
                Operation.SyncDirectory or Operation.DeleteDirectory => new[] { (o.Index + 1, Moment.After) },
                _ => [], // Nothing a process death can tell from the ones beside it; CrashTests has them all.
            }),
        ];
    }

    private static async Task KillAndRecover(int number, Moment moment)
    {
        using var folder = new TemporaryFolder();
        SaveEarlier(folder.Path);
        using var process = ChildProgram.StartSave(folder.Path, number, moment);
        var told = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var death = $"death {moment} operation {number}";
        Assert.True(process.ExitCode == SigkillExitCode, $"{death}: exit code {process.ExitCode}");
        var acknowledged = told.Length > 0 ? long.Parse(told) : EarlierCount;

        var run = new Run(folder.Path);
        var selection = run.Resume();

        Assert.True(selection.Manifest!.Seq >= acknowledged, $"{death}: {selection.Manifest.Seq} after {acknowledged} was acknowledged");
        Assert.Empty(selection.Damages);
        Assert.All(run.Catalog.List(), l => Assert.True(run.Catalog.Verify(l.Seq).IsValid, $"{death}: checkpoint {l.Seq}"));
        Assert.True(run.Catalog.List().Count >= 2, death);
        Assert.Equal(selection.Manifest.Seq + 1, run.Save(50).Seq);
        run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);
        Assert.Equal(2, run.Catalog.List().Count);
    }

    private static void SaveEarlier(string folder)
    {
        var run = new Run(folder);
        for (var step = 10; step <= EarlierCount * 10; step += 10)
            run.Save(step);
    }

    private static void SaveAndRetain(string folder, IStorage storage, Action<long> acknowledge)
    {
        var run = new Run(folder, storage);
        run.Resume();
        acknowledge(run.Save(40).Seq);
        run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);
    }
}
