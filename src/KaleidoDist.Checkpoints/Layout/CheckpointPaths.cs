using System.Globalization;
using System.Text.RegularExpressions;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Where a run folder keeps its checkpoints: <c>log/</c> manifests by sequence number, <c>data/</c> one folder per attempt whose
/// name is never used again, <c>tmp/</c> manifests on their way, <c>quarantine/</c> manifests that failed verification, <c>pins/</c> numbers to
/// be kept, <c>bases/</c> numbers that the job counts on.
/// </summary>
/// <param name="runDirectory">The run folder.</param>
public sealed partial class CheckpointPaths(string runDirectory)
{
    /// <summary>The run folder, absolute; or a place in an object store.</summary>
    public string Run { get; } = CheckpointStores.Absolute(runDirectory);

    /// <summary>Committed manifests.</summary>
    public string Log => Path.Combine(Run, "log");

    /// <summary>Data folders.</summary>
    public string Data => Path.Combine(Run, "data");

    /// <summary>Manifests on their way into the log; on its file system.</summary>
    public string Temporary => Path.Combine(Run, "tmp");

    /// <summary>Manifests that failed verification: moved, never deleted.</summary>
    public string Quarantine => Path.Combine(Run, "quarantine");

    /// <summary>Numbers that are kept until unpinned; absent until the first.</summary>
    public string Pins => Path.Combine(Run, "pins");

    /// <summary>Numbers that the run's leader counts on: nobody else removes them. Absent until the first.</summary>
    public string Bases => Path.Combine(Run, "bases");

    /// <summary>All folders that a run with checkpoints has.</summary>
    public IReadOnlyList<string> Folders => [Log, Data, Temporary, Quarantine];

    /// <summary>The manifest of a sequence number.</summary>
    public string Manifest(long seq) => Path.Combine(Log, ManifestName(seq));

    /// <summary>The data folder of a checkpoint.</summary>
    public string DataFolder(CheckpointManifest manifest) => DataFolder(manifest.Generation, manifest.Step, manifest.Attempt);

    /// <summary>The data folder of an attempt.</summary>
    public string DataFolder(long generation, long step, int attempt) => Path.Combine(Data, DataFolderName(generation, step, attempt));

    /// <summary>Name of the manifest of a sequence number: <c>000000000017.json</c>.</summary>
    public static string ManifestName(long seq) => seq.ToString("D12", CultureInfo.InvariantCulture) + ".json";

    /// <summary>Name of the data folder of an attempt: <c>g0000002003-s00001500-a1</c>.</summary>
    public static string DataFolderName(long generation, long step, int attempt)
        => string.Create(CultureInfo.InvariantCulture, $"g{generation:D10}-s{step:D8}-a{attempt}");

    /// <summary>Sequence number of a manifest's name; null for any other name.</summary>
    public static long? ParseManifestName(string name)
        => ManifestPattern().Match(name) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>Sequence number of the name of a pin or another mark; null for any other name.</summary>
    public static long? ParseMarkName(string name)
        => MarkPattern().IsMatch(name) ? long.Parse(name, CultureInfo.InvariantCulture) : null;

    /// <summary>Generation of a data folder's name; null for any other name.</summary>
    public static long? ParseDataFolderName(string name)
        => DataFolderPattern().Match(name) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>Creates the folders that are missing, durably.</summary>
    public void EnsureFolders(IStorage storage)
    {
        foreach (var folder in Folders)
            storage.EnsureDirectory(folder);
    }

    [GeneratedRegex(@"^([0-9]{12})\.json$", RegexOptions.CultureInvariant)]
    private static partial Regex ManifestPattern();

    [GeneratedRegex(@"^[0-9]{12}\z", RegexOptions.CultureInvariant)]
    private static partial Regex MarkPattern();

    [GeneratedRegex("^g([0-9]{10})-s[0-9]{8,12}-a[0-9]{1,9}$", RegexOptions.CultureInvariant)]
    private static partial Regex DataFolderPattern();
}
