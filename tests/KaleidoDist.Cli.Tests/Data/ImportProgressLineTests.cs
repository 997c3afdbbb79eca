using KaleidoDist.Data;

namespace KaleidoDist.Cli.Tests;

public sealed class ImportProgressLineTests
{
    [Fact]
    public void SpeedAndTimeLeftCountOnlyWhatWasDoneHere()
    {
        var line = ImportProgressLine.Line(new ImportProgress(3000, 10_000), new ImportProgress(1000, 10_000), TimeSpan.FromSeconds(4));
        Assert.Equal("Writing rows: 3,000 of 10,000, 500 rows/s, 0:00:14 left", line);
    }

    [Fact]
    public void ReadingIsShownOnATerminalAlone()
    {
        Assert.Equal("Reading rows: 300 of 500, 50 rows/s, 0:00:04 left", ImportProgressLine.Line(new ImportProgress(300, 500, ImportPhase.Reading), new ImportProgress(100, 500, ImportPhase.Reading), TimeSpan.FromSeconds(4)));
        using var log = new StringWriter();
        Assert.Null(ImportProgressLine.OnTerminal(log));
    }

    [Fact]
    public void UnpackingIsMeasuredInBytes()
    {
        var line = ImportProgressLine.Line(new ImportProgress(512 << 20, 1L << 30, ImportPhase.Unpacking), new ImportProgress(0, 1L << 30, ImportPhase.Unpacking), TimeSpan.FromSeconds(8));
        Assert.Equal("Unpacking: 512 of 1,024 MiB, 64.0 MiB/s, 0:00:08 left", line);
    }

    [Fact]
    public void ALogGetsALineEveryTenSecondsAndNoneBefore()
    {
        using var writer = new StringWriter();
        var time = new ManualTime();
        using var progress = new ImportProgressLine(writer, time, isTerminal: false);
        for (var second = 1; second <= 25; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            progress.Report(new ImportProgress(second * 10, 500));
        }

        Assert.Equal(["Writing rows: 100 of 500, 10 rows/s, 0:00:40 left", "Writing rows: 200 of 500, 10 rows/s, 0:00:30 left"], writer.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
