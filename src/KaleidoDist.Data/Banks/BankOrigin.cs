using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Which row group of which data set a file of a bank was made from.</summary>
/// <param name="Fingerprint">Fingerprint of the data set of pictures.</param>
/// <param name="Group">Row group, in its manifest's order.</param>
public sealed record BankOrigin(string Fingerprint, long Group)
{
    private const string FingerprintKey = "kaleido.source_fingerprint", GroupKey = "kaleido.source_row_group";

    /// <summary>Adds itself to a file's metadata.</summary>
    internal void AddTo(Dictionary<string, string> metadata)
    {
        metadata[FingerprintKey] = Fingerprint;
        metadata[GroupKey] = Group.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Reads a file's metadata; null where it does not say.</summary>
    internal static BankOrigin? Read(IReadOnlyDictionary<string, string> metadata)
        => metadata.TryGetValue(FingerprintKey, out var fingerprint) && metadata.TryGetValue(GroupKey, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var group)
            ? new BankOrigin(fingerprint, group)
            : null;
}

/// <summary>What a file of a bank says of itself.</summary>
/// <param name="Properties">How its vectors were made; null for a file that is no bank.</param>
/// <param name="Origin">What they were made from; null where it does not say.</param>
/// <param name="RowCounts">Rows of its row groups.</param>
public sealed record BankFile(BankProperties? Properties, BankOrigin? Origin, IReadOnlyList<long> RowCounts)
{
    /// <summary>Reads the end of a file.</summary>
    /// <exception cref="KaleidoException">It is missing, truncated or damaged.</exception>
    public static BankFile Read(string path) => Task.Run(async () =>
    {
        await using var file = await ShardFile.OpenAsync(path, CancellationToken.None);
        return new BankFile(file.Bank, BankOrigin.Read(file.Reader.CustomMetadata), [.. file.Reader.RowGroups.Select(group => group.RowGroup.NumRows)]);
    }).GetAwaiter().GetResult();
}
