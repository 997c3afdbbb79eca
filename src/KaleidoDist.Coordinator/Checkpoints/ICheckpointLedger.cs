using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>The checkpoints of a run, as its job decides about them. One call at a time for a run; calls block on storage.</summary>
internal interface ICheckpointLedger
{
    /// <summary>Asks the store of a job, before it is accepted, whether it keeps the promises that commits stand on.</summary>
    /// <exception cref="KaleidoDist.Contracts.KaleidoException">It does not, or cannot be asked; usage error.</exception>
    void Probe(JobSpec spec);

    /// <summary>Verifies the newest checkpoints until one is whole; or the one that the job was asked to go on from, and no other.</summary>
    /// <param name="job">The job: checkpoints of another model, seed or data set are refused.</param>
    /// <exception cref="KaleidoDist.Contracts.KaleidoException">There are checkpoints but none is valid, or they are of another job.</exception>
    JobCommand.CheckpointFound FindLatestValid(JobState job);

    /// <summary>Puts a proposal into the run's log, as the continuation of its head and of nothing else.</summary>
    CommitOutcome Commit(JobState job, JobEffect.CommitCheckpoint proposal);

    /// <summary>Reads all bytes of one checkpoint and compares them with what was committed; null when it is whole. Changes nothing; may run beside the other calls.</summary>
    CheckpointFlaw? Check(JobState job, long seq);

    /// <summary>Removes what need not be kept.</summary>
    /// <returns>Numbers of the removed ones, and of those that somebody else removed.</returns>
    ImmutableArray<long> Retain(JobState job, JobEffect.Retain retain);

    /// <summary>Checkpoints the job knows of that are not there any more, by retention here or by somebody else's; never the one it stands on. May run beside the other calls.</summary>
    ImmutableArray<long> Removed(JobState job);

    /// <summary>Removes what need not be kept once the save that found no room is there, and not before two of the others were read back.</summary>
    FreedRoom MakeRoom(JobState job, JobEffect.MakeRoom ask);
}

/// <summary>What was removed for a save that found no room.</summary>
/// <param name="Seqs">Checkpoints.</param>
/// <param name="FolderCount">Data folders: theirs, and what crashes left.</param>
internal sealed record FreedRoom(ImmutableArray<long> Seqs, int FolderCount)
{
    /// <summary>Nothing.</summary>
    internal static FreedRoom None { get; } = new([], 0);
}

/// <summary>What became of a proposal.</summary>
internal abstract record CommitOutcome
{
    /// <summary>It is a checkpoint, durably.</summary>
    internal sealed record Committed(CheckpointEntry Entry, HistoryHead Head) : CommitOutcome;

    /// <summary>It is not.</summary>
    /// <param name="Error">Why: one sentence.</param>
    /// <param name="LostLineage">History went on without this generation.</param>
    internal sealed record Refused(string Error, bool LostLineage) : CommitOutcome;
}
