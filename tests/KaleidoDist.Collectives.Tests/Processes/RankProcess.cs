using System.Collections.Concurrent;
using System.Diagnostics;
using KaleidoDist.Checkpoints;

namespace KaleidoDist.Collectives.Tests;

/// <summary>A rank in a process of its own (<see cref="RankProgram"/>).</summary>
internal sealed class RankProcess : IDisposable
{
    private readonly Process process;
    private readonly BlockingCollection<string> answers = [];

    public RankProcess()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "KaleidoDist.Collectives.Tests"), ["rank"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_TieredPGO"] = "0";
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } answer)
                answers.Add(answer);
        };
        process.BeginOutputReadLine();
    }

    public string Endpoint { get; private set; } = "";

    /// <summary>True while the process maps memory that it shares with others.</summary>
    public bool MapsSharedMemory => File.ReadAllText($"/proc/{process.Id}/maps").Contains("kaleido-collective", StringComparison.Ordinal);

    /// <summary>Starts processes and waits until all of them listen.</summary>
    public static RankProcess[] Start(int count)
    {
        RankProcess[] ranks = [.. Enumerable.Range(0, count).Select(_ => new RankProcess())];
        foreach (var rank in ranks)
            rank.Endpoint = rank.Answer("endpoint")["endpoint ".Length..];
        return ranks;
    }

    /// <summary>Orders all of <paramref name="ranks"/> to form a generation, on the hosts of <paramref name="grouping"/>.</summary>
    public static void Form(IReadOnlyList<RankProcess> ranks, long generation, string grouping, int timeoutMilliseconds = 60_000, int formationMilliseconds = 60_000)
    {
        var members = string.Join(' ', ranks.Select((rank, index) => $"{grouping[index]}={rank.Endpoint}"));
        foreach (var (index, rank) in ranks.Index())
            rank.Order($"form {generation} {index} {timeoutMilliseconds} {formationMilliseconds} {members}");
    }

    public void Order(string line) => process.StandardInput.WriteLine(line);

    /// <summary>The next line, which begins with a word.</summary>
    public string Answer(string word)
    {
        Assert.True(answers.TryTake(out var answer, LoopbackGroup.Patience), $"Waited {LoopbackGroup.Patience} for '{word}' of process {process.Id}, whose state is {(process.HasExited ? "ended" : "running")}.");
        Assert.StartsWith(word, answer);
        return answer;
    }

    /// <summary>The next line.</summary>
    public string Answer() => Answer("");

    public void Signal(ProcessSignal signal) => ProcessControl.TrySignal(process.Id, signal);

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        answers.Dispose();
    }
}
