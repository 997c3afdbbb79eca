using System.Diagnostics;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>
/// A real file system of a few hundred kB, or a read-only one, where this process may mount; else null, and the caller uses the kernel's own errors another
/// way, so that nothing is skipped.
/// </summary>
internal sealed class SmallFileSystem : IDisposable
{
    private SmallFileSystem(string path) => Path = path;

    public string Path { get; }

    public static SmallFileSystem? TryMount(int kibibytes)
    {
        var path = Directory.CreateTempSubdirectory("kaleido-small-").FullName;
        if (TryRun("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "tmpfs", path))
            return new SmallFileSystem(path);
        Directory.Delete(path);
        return null;
    }

    public void MakeReadOnly() => Assert.True(TryRun("mount", "-o", "remount,ro", Path));

    public void MakeWritable() => Assert.True(TryRun("mount", "-o", "remount,rw", Path));

    public void Dispose()
    {
        TryRun("umount", Path);
        Directory.Delete(Path);
    }

    private static bool TryRun(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
