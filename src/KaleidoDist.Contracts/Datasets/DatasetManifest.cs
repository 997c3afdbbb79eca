using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>A number of consecutive row groups of equal size.</summary>
/// <param name="Count">Row groups.</param>
/// <param name="Rows">Rows of each.</param>
public readonly record struct RowGroupRun(long Count, long Rows);

/// <summary>One Parquet file of a data set.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Bytes">File size.</param>
/// <param name="RowGroups">Row counts of its row groups, run-length coded, in file order.</param>
/// <param name="FooterSha256">Identity of its content: sha256 of the footer, hex.</param>
public sealed record DatasetFile(string Path, long Bytes, IReadOnlyList<RowGroupRun> RowGroups, string FooterSha256);

/// <summary>What a data set is made of: enough to compute the samples of any step without opening a file.</summary>
/// <param name="Fingerprint">sha256 over file names (not folders), sizes, row-group row counts, footers and schema, hex.</param>
/// <param name="RowCount">All rows.</param>
/// <param name="Files">Files in ordinal name order.</param>
/// <param name="Schema">Schema name: <c>kaleido-raw</c> (pictures) or <c>kaleido-bank</c> (patch vectors).</param>
/// <param name="PatchFeatureSize">Numbers of a patch vector, F; 0 for pictures.</param>
public sealed record DatasetManifest(string Fingerprint, long RowCount, IReadOnlyList<DatasetFile> Files, string Schema, int PatchFeatureSize = 0)
{
    /// <summary>The wire form.</summary>
    public Proto.DatasetManifest ToProto()
    {
        var proto = new Proto.DatasetManifest { Fingerprint = Fingerprint, RowCount = RowCount, Schema = Schema, PatchFeatureSize = PatchFeatureSize };
        foreach (var file in Files)
        {
            var entry = new Proto.DatasetFile { Path = file.Path, Bytes = file.Bytes, FooterSha256 = file.FooterSha256 };
            entry.RowGroups.AddRange(file.RowGroups.Select(r => new Proto.RowGroupRun { Count = r.Count, Rows = r.Rows }));
            proto.Files.Add(entry);
        }

        return proto;
    }

    /// <summary>Reads the wire form.</summary>
    public static DatasetManifest FromProto(Proto.DatasetManifest proto) => new(
        proto.Fingerprint,
        proto.RowCount,
        [.. proto.Files.Select(f => new DatasetFile(f.Path, f.Bytes, [.. f.RowGroups.Select(r => new RowGroupRun(r.Count, r.Rows))], f.FooterSha256))],
        proto.Schema,
        proto.PatchFeatureSize);
}
