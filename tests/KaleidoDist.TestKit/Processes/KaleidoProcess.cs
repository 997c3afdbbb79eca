using System.Diagnostics;
using KaleidoDist.Checkpoints;

namespace KaleidoDist.TestKit;

/// <summary>
/// The built <c>kaleido</c> executable as a process. Its lines are kept as they come; waits name their phase when they run out of time.
/// Disposing ends it and everything it started.
/// </summary>
public sealed class KaleidoProcess : IAsyncDisposable
{
    private const int ShownLines = 40;

    // A shell starts what runs in the background, a test run say, deaf to Ctrl-C, and all that it starts inherits this.
    private static readonly string[] HearsInterrupts = ["env", "--default-signal=INT,QUIT"];

    private readonly Process process;
    private readonly string commandLine;
    private readonly Task reading;
    private readonly Lock gate = new();
    private readonly List<string> output = [];
    private readonly List<string> errors = [];

    private KaleidoProcess(Process process, string commandLine)
    {
        (this.process, this.commandLine) = (process, commandLine);
        reading = Task.WhenAll(ReadAsync(process.StandardOutput, output), ReadAsync(process.StandardError, errors));
    }

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>Whether it ended.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>Lines of its standard output so far.</summary>
    public IReadOnlyList<string> Output => Copy(output);

    /// <summary>Lines of its standard error so far.</summary>
    public IReadOnlyList<string> Errors => Copy(errors);

    /// <summary>Process ids of what it started: an agent's ranks.</summary>
    public IReadOnlyList<int> Children => ProcessTable.ChildrenOf(Id);

    /// <summary>
    /// Where the executable is: what its project publishes at the end of a build, compiled ahead of time and with libtorch beside it, of the
    /// configuration that the tests were built with.
    /// </summary>
    public static string Executable { get; } = Repository.PathOf("artifacts", "publish", "KaleidoDist.Cli", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "kaleido");

    /// <summary>Starts it in the repository's root folder.</summary>
    public static KaleidoProcess Start(params IEnumerable<string> arguments) => Start(ProcessSurroundings.Plain, arguments);

    /// <summary>Starts it in the repository's root folder, with something around it.</summary>
    public static KaleidoProcess Start(ProcessSurroundings surroundings, params IEnumerable<string> arguments)
    {
        if (!File.Exists(Executable))
            throw new FileNotFoundException($"'{Executable}' is missing; expected the program beside the tests. Build src/KaleidoDist.Cli in the tests' configuration.");
        List<string> command = [.. HearsInterrupts, .. surroundings.Wrapper, Executable, .. arguments];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        // These processes live for seconds: compiling their hot methods a second time would cost a quarter of all their work.
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "60000";
        foreach (var (name, value) in surroundings.Environment)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new KaleidoProcess(process, $"kaleido {string.Join(' ', command.Skip(HearsInterrupts.Length + surroundings.Wrapper.Count + 1))}");
    }

    /// <summary>Runs it to its end and returns its exit code and lines.</summary>
    public static async Task<(int ExitCode, IReadOnlyList<string> Output, IReadOnlyList<string> Errors)> RunAsync(params IEnumerable<string> arguments)
    {
        await using var run = Start(arguments);
        return (await run.Exit("the end"), run.Output, run.Errors);
    }

    /// <summary>Waits for a line that contains a text, on standard output or error, and returns it.</summary>
    public Task<string> Line(string phase, string text) => Line(phase, line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Waits for a wanted line, on standard output or error, and returns it.</summary>
    public Task<string> Line(string phase, Func<string, bool> isWanted) => While(phase, () => Output.Concat(Errors).FirstOrDefault(isWanted));

    /// <summary>Waits, as long as the process runs, until <paramref name="look"/> finds something.</summary>
    public Task<T> While<T>(string phase, Func<T?> look)
        where T : class
        => Eventually.Finds(
            phase,
            () =>
            {
                // Exited is asked first: what it said last counts.
                var isOver = reading.IsCompleted;
                var found = look();
                return found is null && isOver ? throw new InvalidOperationException($"The process ended before: {phase}. {Describe()}") : found;
            },
            Describe);

    /// <summary>Waits for its end, and for its last lines; returns the exit code.</summary>
    public async Task<int> Exit(string phase, TimeSpan? limit = null)
    {
        await Eventually.Holds($"exit: {phase}", () => process.HasExited && reading.IsCompleted, Describe, limit);
        return process.ExitCode;
    }

    /// <summary>Waits for its end and for this very exit code.</summary>
    public async Task Exit(string phase, int expected)
    {
        var code = await Exit(phase);
        if (code != expected)
            throw new InvalidOperationException($"{phase}: exit code {code}; expected {expected}. {Describe()}");
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(ProcessSignal signal) => ProcessControl.TrySignal(Id, signal);

    /// <summary>The command, its state and its last lines.</summary>
    public string Describe()
    {
        var state = process.HasExited ? $"ended with {process.ExitCode}" : "runs";
        return string.Join('\n', [$"'{commandLine}' {state}. Last lines:", .. Output.TakeLast(ShownLines), "Standard error:", .. Errors.TakeLast(ShownLines)]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task ReadAsync(StreamReader reader, List<string> lines)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (gate)
                lines.Add(line);
        }
    }

    private IReadOnlyList<string> Copy(List<string> lines)
    {
        lock (gate)
            return [.. lines];
    }
}
