using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>What <c>checkpoint list</c> says.</summary>
/// <param name="run">The run folder.</param>
/// <param name="listings">Its checkpoints, oldest first.</param>
/// <param name="pinned">Those that are pinned.</param>
internal sealed class CheckpointListReport(string run, IReadOnlyList<CheckpointListing> listings, IReadOnlyList<long> pinned)
{
    /// <summary>The report for programs.</summary>
    internal string ToJson() => ReportJson.Of(new
    {
        Run = CheckpointStores.Absolute(run),
        Checkpoints = listings.Select(l => l.Manifest).OfType<CheckpointManifest>().Select(m => new CheckpointSummary(m)),
        Damaged = listings.Where(l => l.Manifest is null).Select(l => new { l.Seq, l.Problem }),
        Pinned = pinned,
    });

    /// <summary>The report for people.</summary>
    internal void WriteTo(TextWriter output)
    {
        output.WriteLine("   seq      step  epoch     samples  world  kind          size  created (UTC)        weights xxh128");
        foreach (var listing in listings)
        {
            output.WriteLine(listing.Manifest is { } manifest
                ? Row(manifest)
                : string.Create(CultureInfo.InvariantCulture, $"{listing.Seq,6}  {listing.Problem}"));
        }
    }

    private string Row(CheckpointManifest m)
    {
        var position = string.Create(CultureInfo.InvariantCulture, $"{m.Seq,6}  {m.Step,8}  {m.Epoch,5}  {m.SamplesConsumed,10}  {m.WorldSize,5}");
        var record = string.Create(CultureInfo.InvariantCulture, $"{CheckpointKinds.Name(m.Kind),-8}  {ByteText.Of(m.Bytes),8}  {m.CreatedUtc:yyyy-MM-dd HH:mm:ss}");
        return $"{position}  {record}  {m.WeightsXxh128}{(pinned.Contains(m.Seq) ? "  pinned" : "")}";
    }
}

/// <summary>What <c>checkpoint show</c> says.</summary>
/// <param name="manifest">The checkpoint.</param>
internal sealed class CheckpointShowReport(CheckpointManifest manifest)
{
    /// <summary>The report for programs.</summary>
    internal string ToJson() => ReportJson.Of(new CheckpointDetails(manifest));

    /// <summary>The report for people.</summary>
    internal void WriteTo(TextWriter output)
    {
        Line("checkpoint", $"{manifest.Seq} ({CheckpointKinds.Name(manifest.Kind)}), {manifest.CreatedUtc:yyyy-MM-dd HH:mm:ss} UTC");
        Line("step", $"{manifest.Step}");
        Line("next", $"step {manifest.Data.StepInEpoch} of epoch {manifest.Epoch}");
        Line("samples", $"{manifest.SamplesConsumed}");
        Line("world size", $"{manifest.WorldSize} of {manifest.VirtualRanks} virtual ranks");
        Line("generation", $"{manifest.Generation}, attempt {manifest.Attempt}, by {manifest.Writer}");
        if (manifest.ParentSeq > 0)
            Line("continues", $"checkpoint {manifest.ParentSeq}");
        if (manifest.ForkedFrom is { } origin)
            Line("forked from", $"checkpoint {origin.Seq} of {origin.Run}");
        if (manifest.Supersedes.Count > 0)
            Line("supersedes", $"{string.Join(", ", manifest.Supersedes)}");
        Line("weights xxh128", $"{manifest.WeightsXxh128}");
        foreach (var (name, value) in manifest.Metrics.OrderBy(m => m.Key, StringComparer.Ordinal))
            Line(name, $"{value:G6}");
        foreach (var file in manifest.Files)
            Line("file", $"{file.Name}, {ByteText.Of(file.Bytes)}, {file.Tensors} tensors, xxh128 {file.Xxh128}{(file.Sha256 is { } sha256 ? $", sha256 {sha256}" : "")}");

        void Line(string name, FormattableString value) => output.WriteLine($"{name + ":",-16}{value.ToString(CultureInfo.InvariantCulture)}");
    }
}

/// <summary>What <c>checkpoint verify</c> says.</summary>
/// <param name="run">The run folder.</param>
/// <param name="verifications">Results, oldest first.</param>
internal sealed class CheckpointVerifyReport(string run, IReadOnlyList<CheckpointVerification> verifications)
{
    /// <summary>One line that names what is damaged; null when all is well.</summary>
    internal string? Failure
    {
        get
        {
            var damaged = verifications.Where(v => !v.IsValid).Select(v => v.Seq).ToList();
            return damaged.Count == 0
                ? null
                : $"{damaged.Count} of {verifications.Count} checkpoints of '{CheckpointStores.Absolute(run)}' damaged: {string.Join(", ", damaged)}. "
                    + "A resume uses the newest valid one.";
        }
    }

    /// <summary>The report for programs.</summary>
    internal string ToJson() => ReportJson.Of(new
    {
        Run = CheckpointStores.Absolute(run),
        Valid = verifications.All(v => v.IsValid),
        Checkpoints = verifications.Select(v => new
        {
            v.Seq,
            Step = v.Manifest?.Step,
            Valid = v.IsValid,
            Problems = v.Problems.Select(p => new { p.Code, p.File, p.Text }),
        }),
    });

    /// <summary>The report for people.</summary>
    internal void WriteTo(TextWriter output)
    {
        foreach (var verification in verifications)
        {
            output.WriteLine(verification is { IsValid: true, Manifest: { } manifest }
                ? $"checkpoint {verification.Seq}: valid, {manifest.Files.Count} files, {ByteText.Of(manifest.Bytes)}"
                : $"checkpoint {verification.Seq}: damaged");
            foreach (var problem in verification.Problems)
                output.WriteLine($"  {problem.Code} {problem.File}: {problem.Text}");
        }
    }
}
