using System.Diagnostics;
using KaleidoDist.Collectives;

namespace KaleidoDist.Training.Tests;

/// <summary>Loads libtorch in a fresh process, as the environment says. This assembly run as a program is that process.</summary>
internal static class TorchProbe
{
    public static void Main()
    {
        TorchRuntime.Initialize();
        var report = TorchRuntime.SelfTest();
        var loaded = File.ReadLines("/proc/self/maps").Where(line => line.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal)).Select(line => line.Split(' ')[^1]).Distinct();
        Console.WriteLine($"{report.Folder} {report.Version} {report.Passed} {loaded.Count()}");
    }

    public static string Run(string folder)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(TorchProbe).Assembly.Location]) { RedirectStandardOutput = true };
        start.Environment[TorchRuntime.FolderVariable] = folder;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return output;
    }
}
