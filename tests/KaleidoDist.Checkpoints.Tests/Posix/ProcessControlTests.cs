using System.Diagnostics;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class ProcessControlTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(9, "SIGKILL")]
    [InlineData(15, "SIGTERM")]
    [InlineData(19, "SIGSTOP")]
    [InlineData(31, "SIGSYS")]
    [InlineData(64, "signal 64")]
    public void SignalsHaveTheirNames(int signal, string name) => Assert.Equal(name, ProcessControl.SignalName(signal));

    [Theory]
    [InlineData(137, "SIGKILL")]
    [InlineData(139, "SIGSEGV")]
    [InlineData(128, "")]
    [InlineData(75, "")]
    [InlineData(0, "")]
    public void AnExitCodeNamesItsSignal(int exitCode, string name) => Assert.Equal(name, ProcessControl.SignalNameOfExitCode(exitCode));

    [Fact]
    public void AGroupOfProcessesCannotBeSignalledByMistake()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessControl.TrySignal(0, ProcessSignal.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessControl.TrySignal(-1, ProcessSignal.None));
    }

    [Fact]
    public async Task AKilledProcessExitsWithItsSignalAndIsGone()
    {
        using var process = Process.Start("sleep", "1000");
        Assert.True(ProcessControl.Exists(process.Id));

        Assert.True(ProcessControl.TrySignal(process.Id, ProcessSignal.Kill));
        await process.WaitForExitAsync().WaitAsync(Patience);

        Assert.Equal("SIGKILL", ProcessControl.SignalNameOfExitCode(process.ExitCode));
        Assert.False(ProcessControl.TrySignal(process.Id, ProcessSignal.Kill));
    }

    [Fact]
    public async Task AChildDiesWithItsKilledParent()
    {
        using var parent = ChildProgram.StartParent();
        var lines = new List<string>();
        while (lines.Count < 2 && await parent.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
            lines.Add(line);
        Assert.Equal([$"parent {parent.Id}"], lines[..1]);
        Assert.StartsWith("child ", lines[1]);

        ProcessControl.TrySignal(parent.Id, ProcessSignal.Kill);

        // Both processes hold this pipe: it ends when both are gone.
        Assert.Null(await parent.StandardOutput.ReadLineAsync().WaitAsync(Patience));
    }
}
