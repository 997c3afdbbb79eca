using Google.Protobuf;
using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts.Tests;

public sealed class DatasetManifestTests
{
    [Fact]
    public void AManifestIsTheSameAfterTheWire()
    {
        var manifest = new DatasetManifest(
            "ab12",
            1_000_000_000_007,
            [
                new DatasetFile("/data/a.parquet", 5_000_000_000, [new RowGroupRun(10_000, 100_000_000), new RowGroupRun(1, 7)], "f00d"),
                new DatasetFile("/data/b.parquet", 0, [], ""),
            ],
            "kaleido-raw");
        var read = DatasetManifest.FromProto(Proto.DatasetManifest.Parser.ParseFrom(manifest.ToProto().ToByteArray()));

        Assert.Equal((manifest.Fingerprint, manifest.RowCount, manifest.Schema), (read.Fingerprint, read.RowCount, read.Schema));
        Assert.Equal(manifest.Files.Select(Flat), read.Files.Select(Flat));
    }

    private static string Flat(DatasetFile file) => $"{file.Path} {file.Bytes} {file.FooterSha256} {string.Join(' ', file.RowGroups)}";
}
