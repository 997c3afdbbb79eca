using System.Globalization;

namespace KaleidoDist.TestKit;

/// <summary>Processes as the kernel tells of them.</summary>
public static class ProcessTable
{
    private const char Zombie = 'Z';

    /// <summary>Whether a process runs. One that ended and that nobody waited for yet does not.</summary>
    public static bool IsAlive(int id) => Read(id) is { } process && process.State != Zombie;

    /// <summary>State of a process as in <c>/proc/PID/stat</c>: R, S, D, T for stopped, Z for ended; null when it is gone.</summary>
    public static char? StateOf(int id) => Read(id)?.State;

    /// <summary>Live processes whose environment began with a variable set to a value, by id.</summary>
    public static IReadOnlyList<int> WithEnvironment(string variable, string value)
    {
        var entry = $"{variable}={value}\0";
        return [.. All().Where(id => IsAlive(id) && EnvironmentOf(id).Contains(entry, StringComparison.Ordinal)).Order()];
    }

    /// <summary>Live children of a process, by id.</summary>
    public static IReadOnlyList<int> ChildrenOf(int parentId) =>
    [
        .. All()
            .Where(id => Read(id) is { } process && process.ParentId == parentId && process.State != Zombie)
            .Order(),
    ];

    private static IEnumerable<int> All() => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0);

    private static string EnvironmentOf(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/environ");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static (char State, int ParentId)? Read(int id)
    {
        try
        {
            // "12 (name with ) and spaces) S 1 ...": fields count from the last parenthesis.
            var stat = File.ReadAllText($"/proc/{id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
