using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>Eight of the shipped pictures in four row groups, and jobs that extract them at the smallest side. Made once.</summary>
public sealed class ExtractionJob : IDisposable
{
    public const int RowCount = 8, GroupCount = 4;

    private readonly TemporaryFolder folder = new();

    public ExtractionJob()
    {
        TorchRuntime.Initialize();
        Task.Run(() => ShippedPictures.WriteAsync(folder["pictures.parquet"], RowCount, RowCount / GroupCount, damaged: 5)).GetAwaiter().GetResult();
        Pictures = DatasetIndexer.Index(folder["pictures.parquet"]);
    }

    /// <summary>The source. The picture of its row 5 does not decode.</summary>
    public Contracts.DatasetManifest Pictures { get; }

    public string this[string name] => folder[name];

    /// <summary>A job that writes to a folder of this name.</summary>
    public TrainerSetup Setup(string output, string weights = ExtractSpec.RandomWeights) => new()
    {
        Spec = JobSpecReader.Read($$"""
            name: extraction
            data: { train: {{folder["pictures.parquet"]}} }
            training: { task: extract, virtual_ranks: 4 }
            extract: { output: {{folder[output]}}, weights: {{weights}}, side: 32 }
            workers: { device: cpu }
            checkpoint: { uri: {{folder["run"]}} }
            """, "extract.yaml", folder["."]).OrThrow(),
        JobId = "extraction", Train = Pictures,
    };

    /// <summary>Names and bytes of the files in an output folder.</summary>
    public (string Name, string Content)[] Files(string output)
        => [.. Directory.GetFiles(folder[output]).Order(StringComparer.Ordinal).Select(path => (Path.GetFileName(path), Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))))];

    public void Dispose() => folder.Dispose();
}
