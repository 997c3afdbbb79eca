namespace KaleidoDist.Chaos;

/// <summary>Resets the data-plane connections of a host, once.</summary>
internal sealed class Reset : IFault
{
    private static readonly TimeSpan TrafficLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan NoticeLimit = TimeSpan.FromSeconds(3);
    private static readonly string[] Borders = [" joins", " join", " leaves", " leave"];

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.Reset;

    /// <inheritdoc/>
    public async Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickHost() is not { } host)
            return false;
        var record = field.Record(Kind, host.Name);
        var generation = field.Observer.Status.Generation;
        host.Reset();
        try
        {
            await field.Sees(() => host.TakenPackets() > 0, TrafficLimit);
            Cuts.Note(record, host);
        }
        finally
        {
            host.Heal();
        }

        if (record.Evidence is null)
        {
            field.Withdraw(record, "nobody had sent anything that way");
            return true;
        }

        field.Later(async () =>
        {
            await field.Sees(() => field.Observer.Status.Generation > generation, NoticeLimit);
            // What breaks while a generation parts at a border is connected again for the next one, and nobody has to say a word.
            if (!field.Observer.Events.Any(e => PartsAtBorder(e, generation)))
                record.ExpectedCodes = [FaultCodes.ConnectionBroke, FaultCodes.RankRemoved, FaultCodes.RankHangs];
        });
        return true;
    }

    private static bool PartsAtBorder(SeenEvent seen, long generation)
        => seen.Text.StartsWith($"generation {generation + 1}: ", StringComparison.Ordinal) && Borders.Any(word => seen.Text.EndsWith(word, StringComparison.Ordinal));
}

/// <summary>Loses packets of a host for a while.</summary>
/// <param name="kind">Which packets.</param>
internal sealed class Cut(FaultKind kind) : IFault
{
    /// <summary>A lease of the coordinator, and what it takes to notice: longer cuts must be noticed.</summary>
    private static readonly TimeSpan NoticedAfter = TimeSpan.FromSeconds(7);

    /// <summary>How long peers may be silent, and what it takes to notice.</summary>
    private static readonly TimeSpan PeersNoticedAfter = TimeSpan.FromSeconds(12);

    /// <inheritdoc/>
    public FaultKind Kind => kind;

    /// <inheritdoc/>
    public Task<bool> StrikeAsync(Battlefield field)
    {
        if (field.PickHost() is not { } host)
            return Task.FromResult(false);
        var duration = field.Between(1, 14);
        IReadOnlyList<string> codes = kind == FaultKind.CutCoordinator && duration > NoticedAfter ? [FaultCodes.WorkerLost, FaultCodes.WorkerCameBackWithout] : [];
        var isMissed = kind != FaultKind.CutCoordinator && duration > PeersNoticedAfter && HasMembersApart(field, host);
        var record = field.Record(kind, host.Name, duration, codes);
        List<ClusterWorker> struck = [.. field.Cluster.Workers.Where(w => w.Host == host && w.Condition == WorkerCondition.Well)];
        foreach (var worker in struck)
            worker.Condition = WorkerCondition.Disturbed;
        Begin(host);
        field.Later(async () =>
        {
            await field.Pause(duration);
            // Another fault meanwhile may have begun a new generation, and with it a new silence.
            if (isMissed && field.IsNewest(record))
                record.ExpectedCodes = [FaultCodes.RankRemoved];
            Cuts.Note(record, host);
            if (record.Evidence is null)
                field.Withdraw(record, "nobody had sent anything that way");
            host.Heal();
            struck.ForEach(worker => worker.Recover());
        });
        return Task.FromResult(true);
    }

    /// <summary>Whether ranks on both sides of the cut train together: otherwise nobody misses anybody.</summary>
    private static bool HasMembersApart(Battlefield field, LabHost host)
    {
        var members = field.Observer.Status.Ranks.Where(rank => !rank.Joining).Select(rank => rank.WorkerId).ToHashSet(StringComparer.Ordinal);
        return field.Observer.Status.State == Protocol.V1.JobState.Running && field.Cluster.Workers.Where(worker => members.Contains(worker.Id)).GroupBy(worker => worker.Host == host).Count() == 2;
    }

    private void Begin(LabHost host)
    {
        switch (kind)
        {
            case FaultKind.CutPeers:
                host.CutPeers();
                break;
            case FaultKind.CutOneWay:
                host.CutOneWay();
                break;
            case FaultKind.CutCoordinator:
                host.CutCoordinator();
                break;
            default:
                throw new InvalidOperationException($"{kind.Name()} loses no packets.");
        }
    }
}

/// <summary>Proof of what was taken from a host.</summary>
internal static class Cuts
{
    /// <summary>Notes how many packets the rules in force took.</summary>
    internal static void Note(FaultRecord record, LabHost host)
    {
        if (host.TakenPackets() is > 0 and var packets)
            record.Evidence = $"{packets} packets of {host.Name} were taken";
    }
}
