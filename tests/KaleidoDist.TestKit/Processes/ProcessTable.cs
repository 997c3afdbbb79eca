using System.Globalization;

namespace KaleidoDist.TestKit;

/// <summary>Processes as the kernel tells of them.</summary>
public static class ProcessTable
{
    private const char Zombie = 'Z';

    /// <summary>Whether a process runs. One that ended and that nobody waited for yet does not.</summary>
    public static bool IsAlive(int id) => Read(id) is { } process && process.State != Zombie;

    /// <summary>Live children of a process, by id.</summary>
    public static IReadOnlyList<int> ChildrenOf(int parentId) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && Read(id) is { } process && process.ParentId == parentId && process.State != Zombie)
            .Order(),
    ];

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
