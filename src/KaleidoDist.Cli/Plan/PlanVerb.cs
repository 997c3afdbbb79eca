using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido plan JOB.yaml</c>: a dry run.</summary>
internal static class PlanVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("plan", """
            Checks a job without running it: reads the specification and the footers of the data files, and shows steps, memory, and how
            the work divides for each number of ranks. Starts nothing and writes nothing.

            Examples:
              kaleido plan configs/base.yaml
              kaleido plan configs/base.yaml --set training.virtual_ranks=12
              kaleido plan configs/base.yaml --json | jq .total_steps

            Exit code 0 when the job could run, 2 when it could not; every error is named.
            """);
        var arguments = new JobSpecArguments(command);
        var json = new Option<bool>("--json") { Description = "Print the plan as a JSON object." };
        command.Options.Add(json);
        return command.Does(context, async (parsed, cancellation) =>
        {
            var spec = arguments.Read(parsed);
            if (spec.Extract is not null)
                return await WriteExtraction(context, spec, parsed.GetValue(json), cancellation);
            var plan = await Make(spec, cancellation);
            if (parsed.GetValue(json))
                await context.Output.WriteLineAsync(JsonSerializer.Serialize(plan, JournalFormat.Json));
            else
                PlanTable.Write(context.Console, plan);
            return ExitCode.Done;
        });
    }

    /// <summary>Indexes the data sets and plans the job.</summary>
    /// <exception cref="KaleidoException">The data or the model have errors: all of them, exit code 2.</exception>
    internal static async Task<JobPlan> Make(JobSpec spec, CancellationToken cancellation)
    {
        var errors = new List<string>();
        var train = await Index(spec.Data.Train, errors, cancellation);
        var validation = spec.Data.Validation is { } validationPath ? await Index(validationPath, errors, cancellation) : null;
        foreach (var (path, manifest) in new[] { (spec.Data.Train, train), (spec.Data.Validation, validation) })
        {
            if (manifest is not null && PatchSource.Conflict(spec, manifest, path!) is { } conflict)
                errors.Add(conflict);
        }

        if (train is not null && errors.Count == 0)
            return JobPlan.Of(spec, train, validation);
        throw KaleidoException.Usage(string.Join(Environment.NewLine, errors));
    }

    private static async Task<ExitCode> WriteExtraction(CommandContext context, JobSpec spec, bool json, CancellationToken cancellation)
    {
        var pictures = await DatasetIndexer.IndexAsync(spec.Data.Train, cancellation);
        if (PatchSource.Conflict(spec, pictures, spec.Data.Train) is { } conflict)
            throw KaleidoException.Usage(conflict);
        var plan = ExtractionPlan.Of(spec, pictures);
        if (json)
            await context.Output.WriteLineAsync(JsonSerializer.Serialize(plan, JournalFormat.Json));
        foreach (var line in json ? [] : plan.Facts())
            await context.Output.WriteLineAsync(line);
        return ExitCode.Done;
    }

    private static async Task<DatasetManifest?> Index(string path, List<string> errors, CancellationToken cancellation)
    {
        try
        {
            return await DatasetIndexer.IndexAsync(path, cancellation);
        }
        catch (KaleidoException error)
        {
            errors.Add(error.Message);
            return null;
        }
    }
}
