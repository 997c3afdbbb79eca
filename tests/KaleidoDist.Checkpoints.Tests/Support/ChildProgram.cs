using System.Diagnostics;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>What this assembly does when a test starts it as a process.</summary>
internal static class ChildProgram
{
    private const string ParentVerb = "parent";
    private const string ChildVerb = "child";
    private const string SaveVerb = "save";

    public static int Main(string[] arguments) => arguments switch
    {
        [ParentVerb] => StartChildAndWait(),
        [ChildVerb, var parentId] => WaitAsChild(int.Parse(parentId)),
        [SaveVerb, var folder, var number, var moment] => KillTests.SaveAsChild(folder, int.Parse(number), Enum.Parse<Moment>(moment)),
        _ => 2,
    };

    /// <summary>Starts a process that starts a child; both hold its standard output open and write their ids to it.</summary>
    internal static Process StartParent() => Start([ParentVerb], redirect: true);

    /// <summary>Starts a process that saves a checkpoint and kills itself on the way.</summary>
    internal static Process StartSave(string folder, int number, Moment moment) => Start([SaveVerb, folder, $"{number}", $"{moment}"], redirect: true);

    private static int StartChildAndWait()
    {
        Console.WriteLine($"parent {Environment.ProcessId}");
        using var child = Start([ChildVerb, Environment.ProcessId.ToString()], redirect: false);
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static int WaitAsChild(int parentId)
    {
        ProcessControl.DieWithParent(parentId);
        Console.WriteLine($"child {Environment.ProcessId}");
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static Process Start(string[] arguments, bool redirect) => Process.Start(
        new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet", [typeof(ChildProgram).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = redirect,
            UseShellExecute = false,
            Environment = { ["DOTNET_TieredPGO"] = "0" }, // Starts faster.
        })!;
}
