using KaleidoDist.Contracts;

namespace KaleidoDist.TestKit;

/// <summary>The job of <c>micro.yaml</c>: as small as a job can be that exercises everything.</summary>
public static class MicroJob
{
    /// <summary>Optimizer steps.</summary>
    public const int Steps = 30;

    /// <summary>Virtual ranks: the most ranks it can use.</summary>
    public const int VirtualRanks = 8;

    /// <summary>Its file. Paths in it start from <see cref="Repository.Root"/>.</summary>
    public static string File => Repository.PathOf("tests", "KaleidoDist.TestKit", "Jobs", "micro.yaml");

    /// <summary>The job in a run folder of its own, with overrides as <c>--set</c> takes them.</summary>
    public static JobSpec Spec(string runDirectory, params IEnumerable<string> overrides)
        => JobSpecReader.Read(System.IO.File.ReadAllText(File), "micro.yaml", Repository.Root, [$"checkpoint.uri={runDirectory}", .. overrides]).OrThrow();
}
