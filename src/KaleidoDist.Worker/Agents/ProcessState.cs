namespace KaleidoDist.Worker;

/// <summary>What the kernel says of a process.</summary>
internal static class ProcessState
{
    /// <summary>Whether a signal or a debugger holds the process; false when it runs, waits, or is gone.</summary>
    internal static bool IsStopped(int processId)
    {
        try
        {
            // pid (name, which may contain anything) state ...
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            return stat[(stat.LastIndexOf(')') + 1)..].TrimStart() is ['T' or 't', ..];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
