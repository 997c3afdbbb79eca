using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;

namespace KaleidoDist.Cli;

/// <summary>Everything that can be told of an extraction before it runs.</summary>
/// <param name="Name">Name of the job.</param>
/// <param name="RunDirectory">Where its log goes.</param>
/// <param name="Output">Where the bank goes.</param>
/// <param name="Source">The pictures.</param>
/// <param name="VirtualRanks">The most ranks that can share the row groups.</param>
/// <param name="BankBytes">Size of the vectors of all pictures.</param>
/// <param name="LargestFileBytes">Size of the vectors of the largest row group: a rank keeps them in memory until its file is written.</param>
internal sealed record ExtractionPlan(string Name, string RunDirectory, string Output, DatasetPlan Source, int VirtualRanks, long BankBytes, long LargestFileBytes)
{
    /// <summary>Plans an extraction.</summary>
    internal static ExtractionPlan Of(JobSpec spec, DatasetManifest pictures)
    {
        long bytes = BankLayout.ByteCount(ResNet50Layout.FeatureSize);
        return new ExtractionPlan(
            spec.Name, spec.Checkpoint.Uri, spec.Extract!.Output, DatasetPlan.Of(pictures), spec.Training.VirtualRanks,
            pictures.RowCount * bytes, pictures.Files.Max(file => file.RowGroups.Max(run => run.Rows)) * bytes);
    }

    /// <summary>The plan as people read it.</summary>
    internal IEnumerable<string> Facts()
    {
        yield return $"job       {Name}, run folder {RunDirectory}";
        yield return $"pictures  {Units.Count(Source.Rows)} in {Units.Count(Source.RowGroups)} row groups of {Units.Count(Source.Files)} {(Source.Files == 1 ? "file" : "files")}, {Units.Bytes(Source.Bytes)}";
        yield return $"bank      {Units.Count(Source.RowGroups)} files in {Output}, {Units.Bytes(BankBytes)}; the largest {Units.Bytes(LargestFileBytes)}, which a rank keeps in memory";
        yield return $"ranks     at most {Units.Count(Math.Min(VirtualRanks, Source.RowGroups))} have work at once";
    }
}
