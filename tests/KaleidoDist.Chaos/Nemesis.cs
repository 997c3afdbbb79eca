namespace KaleidoDist.Chaos;

/// <summary>
/// Strikes again and again, everything by chance from one seed: what, whom, for how long and when. Kinds come from a shuffled deck, so
/// that each has had its turn before one comes again; a kind that finds nobody to strike keeps its turn.
/// </summary>
internal sealed class Nemesis
{
    private static readonly TimeSpan NoTargetPause = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);
    private readonly Battlefield field;
    private readonly Deck<IFault> deck;

    /// <summary>A nemesis of some kinds.</summary>
    internal Nemesis(Battlefield field, IEnumerable<FaultKind> kinds, SmallDisk? disk)
        => (this.field, deck) = (field, new Deck<IFault>([.. kinds.Select(kind => Create(kind, disk))], field.Random));

    /// <summary>Strikes with pauses between <paramref name="shortest"/> and <paramref name="longest"/> seconds, as long as <paramref name="goesOn"/>.</summary>
    internal async Task RunAsync(double shortest, double longest, Func<bool> goesOn)
    {
        while (goesOn())
        {
            await PauseAsync(field.Between(shortest, longest), goesOn);
            while (goesOn() && !await StrikeAsync())
                await field.Pause(NoTargetPause);
        }
    }

    private static IFault Create(FaultKind kind, SmallDisk? disk) => kind switch
    {
        FaultKind.KillRank => new KillRank(),
        FaultKind.KillAgent => new KillAgent(),
        FaultKind.PauseRank => new PauseRank(),
        FaultKind.HangRank => new HangRank(),
        FaultKind.HangAgent => new HangAgent(),
        FaultKind.KillCoordinator => new KillCoordinator(),
        FaultKind.Reset => new Reset(),
        FaultKind.CutPeers or FaultKind.CutCoordinator or FaultKind.CutOneWay => new Cut(kind),
        FaultKind.Join => new Join(),
        FaultKind.Drain => new Drain(),
        FaultKind.Terminate => new Terminate(),
        FaultKind.Slow => new Slow(),
        FaultKind.FillDisk when disk is not null => new FillDisk(disk),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such fault"),
    };

    private async Task PauseAsync(TimeSpan pause, Func<bool> goesOn)
    {
        var begin = field.Time.GetTimestamp();
        while (goesOn() && field.Time.GetElapsedTime(begin) < pause)
            await field.Pause(Slice);
    }

    private async Task<bool> StrikeAsync()
    {
        foreach (var fault in deck.Left.ToList())
        {
            if (!await fault.StrikeAsync(field))
                continue;
            deck.Play(fault);
            return true;
        }

        return false;
    }
}
