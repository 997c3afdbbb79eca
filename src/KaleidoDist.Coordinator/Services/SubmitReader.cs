using KaleidoDist.Contracts;
using KaleidoDist.Data;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>Checks a submit whole: specification, data sets, limits. All errors at once; then whether the store of its checkpoints is fit for them.</summary>
internal sealed class SubmitReader(IDatasetIndex index, DatasetRecords datasets, ICheckpointLedger ledger)
{
    private const int MaxKeyLength = 200;

    /// <summary>Reads a submit and keeps the manifests of its data sets.</summary>
    /// <exception cref="KaleidoException">Usage error that names every problem, one a line.</exception>
    public async Task<JobSubmission> ReadAsync(Wire.SubmitRequest request, CancellationToken cancellation)
    {
        var errors = new List<string>();
        if (request.IdempotencyKey.Length > MaxKeyLength)
            errors.Add($"the idempotency key has {request.IdempotencyKey.Length} characters; expected at most {MaxKeyLength}");
        if (request.StopAfterStep < 0)
            errors.Add($"stop_after_step is {request.StopAfterStep}; expected a step, or 0 for none");
        if (request.ResumeSeq < 0)
            errors.Add($"resume_seq is {request.ResumeSeq}; expected a checkpoint's number, or 0 for the newest");
        var baseDirectory = request.BaseDirectory.Length == 0 ? Environment.CurrentDirectory : request.BaseDirectory;
        if (!Path.IsPathFullyQualified(baseDirectory))
            errors.Add($"the base directory '{baseDirectory}' is relative; expected an absolute path");
        var result = JobSpecReader.Read(
            request.SpecYaml, request.SpecName.Length == 0 ? "job specification" : request.SpecName, Path.IsPathFullyQualified(baseDirectory) ? baseDirectory : "/");
        errors.AddRange(result.Errors);
        if (result.Spec is not { } spec)
            throw Invalid(errors);

        var train = await IndexAsync(spec.Data.Train, spec, errors, cancellation);
        var validation = spec.Data.Validation is { } path ? await IndexAsync(path, spec, errors, cancellation) : null;
        if (errors.Count > 0 || train is null)
            throw Invalid(errors);
        await Task.Run(() => ledger.Probe(spec), cancellation);
        var extent = Extent(spec, train);
        return new JobSubmission(
            spec.Name,
            spec.Checkpoint.Uri,
            spec.ToJson(),
            extent.RowCount,
            extent.TotalSteps,
            await datasets.KeepAsync(train),
            train.Fingerprint,
            validation is null ? null : await datasets.KeepAsync(validation),
            request.StopAfterStep,
            request.IdempotencyKey,
            request.ResumeSeq);
    }

    private static TrainingExtent Extent(JobSpec spec, DatasetManifest train)
    {
        try
        {
            return TrainingExtent.Of(spec, train);
        }
        catch (OverflowException)
        {
            throw KaleidoException.Usage($"'training.epochs' {spec.Training.Epochs} over {train.RowCount} rows is more steps than can be counted; lower it.");
        }
    }

    private async Task<DatasetManifest?> IndexAsync(string pathOrGlob, JobSpec spec, List<string> errors, CancellationToken cancellation)
    {
        try
        {
            var manifest = await index.IndexAsync(pathOrGlob, cancellation);
            if (PatchSource.Conflict(spec, manifest, pathOrGlob) is { } conflict)
                errors.Add(conflict);
            return manifest;
        }
        catch (KaleidoException error)
        {
            errors.Add(error.Message);
            return null;
        }
    }

    private static KaleidoException Invalid(List<string> errors) => KaleidoException.Usage(string.Join('\n', errors));
}
