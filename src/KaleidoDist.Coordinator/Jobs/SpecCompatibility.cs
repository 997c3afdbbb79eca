using System.Text.Json.Nodes;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>
/// What a run may change between submits: how long, on how many ranks, where its files are, how often it saves and evaluates; never what
/// a step computes. A key of the specification that is not named here must stay as it was.
/// </summary>
internal static class SpecCompatibility
{
    private static readonly string[] Adjustable =
    [
        "name", "model_preset", "data.train", "data.validation", "data.vocabulary", "data.max_bad_rows", "training.epochs", "training.steps",
        "training.verify_every", "training.overlap", "workers.min", "workers.max", "workers.device", "workers.hang_timeout", "checkpoint.", "evaluation.",
    ];

    /// <summary>What forbids going on with <paramref name="submit"/> in the run folder of <paramref name="state"/>: one line each; none when nothing does.</summary>
    public static IReadOnlyList<string> Conflicts(JobState state, JobCommand.Submit submit)
    {
        var conflicts = new List<string>();
        Compare("", JsonNode.Parse(state.Spec.ToJson()), JsonNode.Parse(submit.Spec.ToJson()), state.RunDirectory, conflicts);
        if (state.Datasets.TrainFingerprint != submit.Datasets.TrainFingerprint)
            conflicts.Add($"'data.train' has other files than the run '{state.RunDirectory}' was started with (fingerprint {state.Datasets.TrainFingerprint} then, {submit.Datasets.TrainFingerprint} now); restore them, or name another checkpoint.uri");
        return conflicts;
    }

    private static void Compare(string path, JsonNode? was, JsonNode? now, string run, List<string> conflicts)
    {
        if (was is JsonObject before && now is JsonObject after)
        {
            foreach (var key in before.Select(p => p.Key).Union(after.Select(p => p.Key)))
                Compare(path.Length == 0 ? key : $"{path}.{key}", before[key], after[key], run, conflicts);
        }
        else if (!JsonNode.DeepEquals(was, now) && !Array.Exists(Adjustable, a => a[^1] == '.' ? path.StartsWith(a, StringComparison.Ordinal) : path == a))
        {
            conflicts.Add($"'{path}' is {Text(now)}; the run '{run}' was started with {Text(was)}. Restore it, or name another checkpoint.uri");
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "none";
}
