using KaleidoDist.Contracts;
using KaleidoDist.Model;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>What a run leaves on the screen and in its folder when it ends: the summary table, the curves, and what to do next.</summary>
internal static class RunReport
{
    private const string CurvesFile = "curves.png";

    /// <summary>Writes the report of a settled job.</summary>
    internal static async Task WriteAsync(CommandContext context, JobSpec job, JobStatus last)
    {
        var history = RunHistory.Read(job.Checkpoint.Uri);
        if (history.Steps.Count > 0)
        {
            TrainingSummary.Of(history, job.Model.VocabularySize).Write(context.Console);
            await DrawCurvesAsync(context, history, job);
        }

        await context.Output.WriteLineAsync(Describe(job, last));
    }

    private static string Describe(JobSpec job, JobStatus last)
    {
        var folder = Path.GetRelativePath(Environment.CurrentDirectory, job.Checkpoint.Uri);
        return last.State switch
        {
            JobState.Succeeded when job.Extract is { } extract => $"Finished: {last.Samples:N0} rows in {last.Step:N0} files of '{extract.Output}'. Train on them with model.patch_encoder: bank and model.patch_feature_size: {ResNet50Layout.FeatureSize}.",
            JobState.Preempted when job.Extract is not null => $"Stopped after {last.Step:N0} of {last.TotalSteps:N0} row groups. The same command goes on with what is missing.",
            JobState.Succeeded when last.Step < last.TotalSteps => $"Finished: {Units.Printable(last.Reason)}. Everything is in {folder}; look at its weights with 'kaleido checkpoint show {folder}'.",
            JobState.Succeeded => $"Finished: {last.Step:N0} steps, {last.Samples:N0} samples. Everything is in {folder}; look at its weights with 'kaleido checkpoint show {folder}'.",
            JobState.Preempted => $"Stopped after step {last.Step:N0} of {last.TotalSteps:N0}. The same command goes on from there.",
            JobState.Failed => $"Failed after step {last.Step:N0}. Newest checkpoints: 'kaleido checkpoint list {folder}'; log: {Path.Combine(folder, RunFolder.CoordinatorState, RunFolder.LogFile)}.",
            _ => $"Ended after step {last.Step:N0} ({JobStates.Word(last.State)}).",
        };
    }

    private static async Task DrawCurvesAsync(CommandContext context, RunHistory history, JobSpec job)
    {
        try
        {
            CurvePicture.Save(history, job.Model.VocabularySize, Path.Combine(job.Checkpoint.Uri, CurvesFile));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            await context.Error.WriteLineAsync($"The curves could not be drawn ({error.Message}); the numbers are in {RunJournal.FileName}.");
        }
    }
}
