using System.Diagnostics;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>
/// Run folders that cannot keep a checkpoint. Training goes on, says so, and is honest at its end. Needs a small file system of its own:
/// where this process may not mount one, it makes one in a mount namespace of a user namespace.
/// </summary>
public sealed class UnwritableFolderTests
{
    [Fact]
    public async Task AFullFolderDoesNotStopTrainingAndTheWarningNamesIt()
    {
        var (exitCode, output) = await TrainOn("mount -t tmpfs -o size=2m tmpfs \"$1\"", "--set checkpoint.every=10");
        Assert.Contains(output, line => line.Contains("KD-S101 No space in ", StringComparison.Ordinal) && line.Contains("training goes on", StringComparison.Ordinal));
        AssertHonestEnd(exitCode, output);
    }

    [Fact]
    public async Task AFolderThatHoldsAsManyCheckpointsAsAreKeptAndNotOneMoreIsSavedTo()
    {
        // A checkpoint has 13 MB: after three there is no room for a fourth.
        var (exitCode, output) = await TrainOn("mount -t tmpfs -o size=48m tmpfs \"$1\"", "--set checkpoint.every=5 --set checkpoint.keep.last=3");
        Assert.Equal(0, exitCode);
        Assert.Contains(output, line => line.Contains(": 1 old checkpoint removed first, and it is saved again", StringComparison.Ordinal));
        Assert.Contains(output, line => line.EndsWith($": step {MicroJob.Steps} (final)", StringComparison.Ordinal));
        Assert.DoesNotContain(output, CheckpointWarnings.IsIn);
    }

    [Fact]
    public async Task AReadOnlyFolderDoesNotStopTrainingAndTheWarningNamesIt()
    {
        var (exitCode, output) = await TrainOn("mount -t tmpfs -o size=2m tmpfs \"$1\" && mount -o remount,ro \"$1\"", "");
        Assert.Contains(output, line => line.Contains("KD-S103 The run folder ", StringComparison.Ordinal) && line.Contains("cannot be written to", StringComparison.Ordinal));
        AssertHonestEnd(exitCode, output);
    }

    /// <summary>All steps are trained, and yet the job failed: its weights are nowhere.</summary>
    private static void AssertHonestEnd(int exitCode, IReadOnlyList<string> output)
    {
        Assert.Equal(1, exitCode);
        Assert.Contains(output, line => line.Contains($"step {MicroJob.Steps}/{MicroJob.Steps}", StringComparison.Ordinal));
        Assert.Contains(output, line => line.Contains($"Training reached its last step {MicroJob.Steps}, but its checkpoint was not committed", StringComparison.Ordinal));
    }

    private static async Task<(int ExitCode, IReadOnlyList<string> Output)> TrainOn(string prepare, string options)
    {
        using var folder = new TemporaryFolder();
        var script = $"{prepare} && cd '{Repository.Root}' && '{KaleidoProcess.Executable}' train '{MicroJob.File}' --workers 1 --set checkpoint.uri=\"$1\"/run {options} 2>&1";
        var info = new ProcessStartInfo("unshare", ["--mount", "--map-root-user", "sh", "-c", script, "sh", folder.Path]) { RedirectStandardOutput = true };
        using var process = Process.Start(info)!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, text.Split('\n'));
    }
}
