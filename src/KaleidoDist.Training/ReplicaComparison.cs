using System.Buffers.Binary;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>Compares the ranks' replicas of the weights and moments by hash: memory that lost a bit is named before it is saved, and healed.</summary>
internal static class ReplicaComparison
{
    /// <summary>A rank whose replica is found to differ more often than this does not get another copy: it leaves.</summary>
    internal const int HealLimit = 1;

    /// <summary>
    /// Compares, and gives the ranks that differ the state of the majority. Collective: every rank calls it, between steps.
    /// </summary>
    /// <returns>The ranks that differed.</returns>
    /// <exception cref="KaleidoException">No state has a majority: nobody can tell which is right. Or this rank differs once too often.</exception>
    internal static IReadOnlyList<int> Heal(ReplicaState state, ICollective collective, ITrainingPort port)
    {
        if (collective.WorldSize == 1)
            return [];
        var hashes = Gather(state, collective);
        var (odd, majority) = Judge(hashes);
        if (odd.Count == 0)
            return odd;
        var names = $"rank{(odd.Count == 1 ? "" : "s")} {string.Join(", ", odd)}";
        if (majority is not { } healthy)
            throw new KaleidoException($"KD-T110 After step {state.Step} the replicas of the weights differ ({string.Join(", ", hashes.Select((h, r) => $"rank {r}: {h:x16}"))}) and none has a majority; expected equal bits. Suspect a machine's memory; the job goes on from the newest checkpoint.", ExitCode.Resumable);
        if (odd.Contains(collective.Rank) && ++state.Heals > HealLimit)
            throw new KaleidoException($"KD-T110 After step {state.Step} the weights of rank {collective.Rank} differ from the majority's for the second time; its memory cannot be trusted and the job goes on without it. Test that machine's memory.", ExitCode.Resumable);
        if (collective.Rank == healthy)
            port.Warn("KD-T110", $"After step {state.Step} the weights of {names} differ from the other {hashes.Count - odd.Count} ranks'; replaced by rank {healthy}'s. Suspect that machine's memory.");
        StateAgreement.TakeState(state, collective, healthy, RankStanding.Of(state) with { Figures = null }, isOdd: odd.Contains(collective.Rank));
        return odd;
    }

    /// <summary>The ranks that differ from the most frequent hash (ties: the lowest rank's), and the lowest rank that has it when more than half do.</summary>
    internal static (IReadOnlyList<int> Odd, int? Majority) Judge(IReadOnlyList<ulong> hashes)
    {
        var largest = hashes.Select((hash, rank) => (hash, rank)).GroupBy(h => h.hash).OrderByDescending(g => g.Count()).ThenBy(g => g.Min(h => h.rank)).First();
        return ([.. Enumerable.Range(0, hashes.Count).Where(r => hashes[r] != largest.Key)], largest.Count() * 2 > hashes.Count ? largest.Min(h => h.rank) : null);
    }

    private static List<ulong> Gather(ReplicaState state, ICollective collective)
    {
        var mine = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(mine, state.ReplicaHash());
        var all = new byte[sizeof(ulong) * collective.WorldSize];
        collective.AllGather(mine, all);
        return [.. Enumerable.Range(0, collective.WorldSize).Select(r => BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(r * sizeof(ulong))))];
    }
}
