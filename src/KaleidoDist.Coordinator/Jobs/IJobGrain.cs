using System.Collections.Immutable;
using Orleans.Concurrency;

namespace KaleidoDist.Coordinator;

/// <summary>One job, keyed by its id.</summary>
[Alias("kaleido.IJobGrain")]
internal interface IJobGrain : IGrainWithStringKey
{
    /// <summary>Reads the job's state and takes up where it was.</summary>
    /// <returns>False when there is no such job.</returns>
    [Alias("Wake")]
    Task<bool> Wake();

    /// <summary>Creates the job, or applies a new submit on its run folder.</summary>
    [Alias("Submit"), ResponseTimeout("00:05:00")]
    Task<SubmitAnswer> Submit(JobSubmission submission);

    /// <summary>Something happened. Ends when it is stored and acted on, which for a checkpoint takes as long as its storage does.</summary>
    /// <returns>False when there is no such job.</returns>
    [Alias("Apply"), ResponseTimeout("00:05:00")]
    Task<bool> Apply(JobCommand command);

    /// <summary>As <see cref="Apply"/>, for a caller that the job may be calling itself.</summary>
    [Alias("Notify"), OneWay]
    Task Notify(JobCommand command);
}

/// <summary>A validated submit.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.JobSubmission")]
internal sealed record JobSubmission(
    [property: Id(0)] string Name, [property: Id(1)] string RunDirectory, [property: Id(2)] string SpecJson,
    [property: Id(3)] long RowCount, [property: Id(4)] long TotalSteps, [property: Id(5)] string TrainKey,
    [property: Id(6)] string TrainFingerprint, [property: Id(7)] string? ValidationKey, [property: Id(8)] long StopAfterStep, [property: Id(9)] string Key,
    [property: Id(10)] long ResumeSeq);

/// <summary>What became of a submit.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Created">Whether it is new.</param>
/// <param name="Resumed">Whether a job at rest goes on.</param>
/// <param name="Conflicts">Why it cannot be accepted; nothing was changed then.</param>
[GenerateSerializer, Immutable, Alias("kaleido.SubmitAnswer")]
internal sealed record SubmitAnswer([property: Id(0)] string JobId, [property: Id(1)] bool Created, [property: Id(2)] bool Resumed, [property: Id(3)] ImmutableArray<string> Conflicts);
