using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>What a rank had to take from its peers to be where they are.</summary>
public enum CatchUp
{
    /// <summary>Nothing: it was there.</summary>
    Nothing,

    /// <summary>The figures of one step, whose reduced gradient it held.</summary>
    Step,

    /// <summary>Weights, moments and counters.</summary>
    State,
}

/// <summary>How a generation's ranks came to the same step.</summary>
/// <param name="Step">Steps applied, on all of them.</param>
/// <param name="Taken">What this rank took over.</param>
/// <param name="Agreeing">Time to learn where all ranks are.</param>
/// <param name="CatchingUp">Time until all ranks were at the step.</param>
public sealed record Agreement(long Step, CatchUp Taken, TimeSpan Agreeing, TimeSpan CatchingUp);

/// <summary>
/// Brings the ranks of a new generation to the same step: the highest that any of them has applied. A rank one step behind that still
/// holds the step's reduced gradient applies it; any other gets the whole state (decision 0008). In the end all replicas are
/// compared, so a difference is found before the first step.
/// </summary>
public static class StateAgreement
{
    /// <summary>Agrees; every rank of the group calls it.</summary>
    /// <exception cref="CollectiveException">The group broke.</exception>
    /// <exception cref="KaleidoException">No rank has a state, or replicas differ and none has a majority.</exception>
    public static Agreement Reach(TrainerSetup setup, ReplicaState state, ICollective collective, ITrainingPort port, TimeProvider time)
    {
        var begin = time.GetTimestamp();
        var standings = Exchange(state, collective);
        var agreeing = time.GetElapsedTime(begin);
        var step = standings.Max(s => s.Applied);
        if (step == ReplicaState.Nothing)
            throw new KaleidoException($"No rank of generation {collective.Generation} has a state; expected a survivor. The job goes on from the newest checkpoint.", ExitCode.Resumable);

        var catching = time.GetTimestamp();
        var taken = CatchUp.Nothing;
        var figures = standings.FirstOrDefault(s => s.Applied == step && s.Figures is not null)?.Figures;
        if (standings.All(s => s.Applied == step || (figures is not null && s.Applied == step - 1 && s.Reduced == step)))
        {
            if (state.Step != step)
            {
                ApplyMissed(setup, state, step, figures!);
                taken = CatchUp.Step;
            }
        }
        else
        {
            if (state.Step != step)
                taken = CatchUp.State;
            var source = Enumerable.Range(0, standings.Count).First(r => standings[r].Applied == step);
            TakeState(state, collective, source, standings[source]);
        }

        TakeEvaluations(state, standings, step);
        ReplicaComparison.Heal(state, collective, port);
        return new Agreement(step, taken, agreeing, time.GetElapsedTime(catching));
    }

    /// <summary>
    /// Copies rank <paramref name="source"/>'s state to all; every rank calls it. A group that breaks in the middle leaves a rank that gets another state than it had without any:
    /// it must not go on with half of each.
    /// </summary>
    /// <param name="state">This rank's.</param>
    /// <param name="collective">The group.</param>
    /// <param name="source">Whose is copied.</param>
    /// <param name="standing">Where that rank stands.</param>
    /// <param name="isOdd">Whether this rank's replica differs although it is at the same step.</param>
    internal static void TakeState(ReplicaState state, ICollective collective, int source, RankStanding standing, bool isOdd = false)
    {
        var (had, last) = (state.Step, state.LastApplied);
        if (collective.Rank != source)
        {
            state.ReducedStep = 0;
            if (isOdd || had != standing.Applied)
                (state.Step, state.LastApplied) = (ReplicaState.Nothing, null);
        }

        foreach (var part in state.ToHost())
            collective.Broadcast(part, source);
        state.FromHost();
        if (collective.Rank == source)
            return;
        state.Optimizer.StepCount = standing.OptimizerStep;
        state.Counters = standing.Counters;
        state.History = standing.History;
        state.LastApplied = had == standing.Applied ? last : null;
        state.Step = standing.Applied;
    }

    private static void ApplyMissed(TrainerSetup setup, ReplicaState state, long step, float[] figures)
    {
        var sums = new TaskSums();
        figures.CopyTo(sums.Values);
        new StepUpdate(setup.Spec, setup.TotalSteps).Apply(state, step, sums);
    }

    /// <summary>A generation may break when some have the result of an evaluation and others do not, and a joiner has heard of none: the newest counts for all.</summary>
    private static void TakeEvaluations(ReplicaState state, List<RankStanding> standings, long step)
    {
        var histories = standings.Where(s => s.Applied == step).Select(s => s.History).ToList();
        state.History = state.History with
        {
            Evaluations = histories.MaxBy(h => h.Evaluations.At)!.Evaluations,
            Kept = histories.MaxBy(h => h.Kept.At)!.Kept,
        };
    }

    private static List<RankStanding> Exchange(ReplicaState state, ICollective collective)
    {
        var mine = new byte[RankStanding.ByteCount];
        RankStanding.Of(state).Write(mine);
        var all = new byte[RankStanding.ByteCount * collective.WorldSize];
        collective.AllGather(mine, all);
        return [.. Enumerable.Range(0, collective.WorldSize).Select(r => RankStanding.Read(all.AsSpan(r * RankStanding.ByteCount, RankStanding.ByteCount)))];
    }
}
