using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>
/// Jobs, steps and workers as JSON for programs: snake_case keys that are never renamed, numbers as numbers, times as RFC 3339 in
/// UTC, a value that is not known as null.
/// </summary>
internal static class StatusJson
{
    /// <summary>A job: what <c>status --json</c> prints, and an element of <c>jobs --json</c>.</summary>
    internal static JsonObject Of(JobStatus status) => new()
    {
        ["job_id"] = status.JobId,
        ["name"] = status.Name,
        ["task"] = status.Task,
        ["state"] = JobStates.Word(status.State),
        ["reason"] = status.Reason,
        ["revision"] = status.Revision,
        ["generation"] = status.Generation,
        ["world_size"] = status.WorldSize,
        ["restarts"] = status.Restarts,
        ["regroups"] = status.Regroups,
        ["skipped_saves"] = status.SkippedSaves,
        ["last_regroup"] = status.LastRegroup is { } change ? Of(change) : null,
        ["submitted_at"] = Of(status.SubmittedAt),
        ["started_at"] = Of(status.StartedAt),
        ["finished_at"] = Of(status.FinishedAt),
        ["step"] = status.Step,
        ["total_steps"] = status.TotalSteps,
        ["epoch"] = Finite(status.Epoch),
        ["samples"] = status.Samples,
        ["samples_per_second"] = Finite(status.SamplesPerSecond),
        ["eta_seconds"] = status.EtaSeconds > 0 ? Finite(status.EtaSeconds) : null,
        ["run_directory"] = status.RunDirectory,
        ["last_step"] = status.LastStep is { } step ? Of(step) : null,
        ["validation"] = status.Validation.Count > 0 ? Serialize(ValidationRecord.FromProto(status.Validation[0].Step, status.Validation)) : null,
        ["ranks"] = new JsonArray([.. status.Ranks.Select(Of)]),
        ["checkpoints"] = new JsonArray([.. status.Checkpoints.Select(Of)]),
        ["events"] = new JsonArray([.. status.Events.Select(Of)]),
    };

    /// <summary>A step's metrics, as a line of the run's journal.</summary>
    internal static JsonObject Of(StepMetrics metrics) => Serialize(StepRecord.FromProto(metrics));

    /// <summary>A worker: an element of <c>workers --json</c>.</summary>
    internal static JsonObject Of(WorkerStatus worker) => new()
    {
        ["worker_id"] = worker.WorkerId,
        ["host"] = worker.Host,
        ["state"] = worker.State,
        ["slots"] = worker.Slots,
        ["slots_in_use"] = worker.SlotsInUse,
        ["connected_at"] = Of(worker.ConnectedAt),
        ["last_heartbeat_at"] = Of(worker.LastHeartbeatAt),
        ["version"] = worker.Version,
        ["running"] = new JsonArray([.. worker.Running.Select(r => new JsonObject
        {
            ["job_id"] = r.JobId,
            ["generation"] = r.Generation,
            ["rank"] = r.Rank,
            ["step"] = r.Step,
            ["phase"] = r.Phase,
            ["process_id"] = r.ProcessId,
            ["member"] = r.Member,
        })]),
    };

    /// <summary>A line of a rank's log: what <c>logs --json</c> prints.</summary>
    internal static JsonObject Of(LogLine line) => new()
    {
        ["at"] = Of(line.At),
        ["job_id"] = line.JobId,
        ["generation"] = line.Generation,
        ["rank"] = line.Rank,
        ["text"] = line.Text,
    };

    private static JsonObject Of(Regroup change) => new()
    {
        ["generation"] = change.Generation,
        ["world_size"] = change.WorldSize,
        ["step"] = change.Step,
        ["cause"] = change.Cause,
        ["noticed_at"] = Of(change.NoticedAt),
        ["decided_at"] = Of(change.DecidedAt),
        ["formed_at"] = Of(change.FormedAt),
        ["first_step_at"] = Of(change.FirstStepAt),
        ["connect_seconds"] = Finite(change.ConnectSeconds),
        ["agree_seconds"] = Finite(change.AgreeSeconds),
        ["catch_up_seconds"] = Finite(change.CatchUpSeconds),
    };

    private static JsonNode Of(RankStatus rank) => new JsonObject
    {
        ["rank"] = rank.Rank,
        ["worker_id"] = rank.WorkerId,
        ["phase"] = rank.Phase,
        ["step"] = rank.Step,
        ["step_seconds"] = Finite(rank.StepSeconds),
        ["first_virtual_rank"] = rank.FirstVirtualRank,
        ["virtual_rank_count"] = rank.VirtualRankCount,
        ["process_id"] = rank.ProcessId,
        ["member"] = rank.Member,
        ["joining"] = rank.Joining,
        ["remark"] = rank.Remark,
        ["refused_connections"] = rank.RefusedConnections,
    };

    private static JsonNode Of(CheckpointInfo checkpoint) => new JsonObject
    {
        ["seq"] = checkpoint.Seq,
        ["step"] = checkpoint.Step,
        ["epoch"] = checkpoint.Epoch,
        ["samples"] = checkpoint.Samples,
        ["world_size"] = checkpoint.WorldSize,
        ["generation"] = checkpoint.Generation,
        ["bytes"] = checkpoint.Bytes,
        ["weights_xxh128"] = checkpoint.WeightsXxh128,
        ["kind"] = checkpoint.Kind,
        ["created_at"] = Of(checkpoint.CreatedAt),
        ["checked_at"] = Of(checkpoint.CheckedAt),
        ["damage"] = checkpoint.Damage,
    };

    private static JsonNode Of(JobEvent known) => new JsonObject
    {
        ["at"] = Of(known.At),
        ["code"] = known.Code,
        ["text"] = known.Text,
    };

    private static JsonNode? Of(Timestamp? time) => time is null ? null : JsonValue.Create(time.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    private static JsonObject Serialize<T>(T record) => JsonSerializer.SerializeToNode(record, JournalFormat.Json)!.AsObject();
}
