using Google.Protobuf.WellKnownTypes;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>The newest change of membership, taken apart as its parts are seen. In memory only; not thread-safe.</summary>
/// <param name="known">A change from before: its times are not known any more.</param>
internal sealed class RegroupTimes(MembershipChange? known)
{
    private MembershipChange? change = known;

    /// <summary>What is known; null before the first change.</summary>
    public Regroup? Newest { get; private set; }

    /// <summary>A stored state.</summary>
    public void Saw(JobState state, DateTimeOffset now)
    {
        if (state.LastChange is { } newer && newer != change)
        {
            change = newer;
            Newest = new Regroup
            {
                Generation = newer.Generation,
                Cause = newer.Cause,
                NoticedAt = Timestamp.FromDateTimeOffset(newer.NoticedAt),
                DecidedAt = Timestamp.FromDateTimeOffset(now),
                WorldSize = state.Seats.Length,
                Step = state.Step,
            };
        }

        if (Newest is { FormedAt: null } forming && forming.Generation == state.Generation && state is { Formation: null, Phase: JobPhase.Running })
            forming.FormedAt = Timestamp.FromDateTimeOffset(now);
    }

    /// <summary>A rank formed its generation.</summary>
    public void Formed(RankFormed formed)
    {
        if (Newest is not { } newest || newest.Generation != formed.Generation)
            return;
        newest.Step = formed.Step;
        newest.ConnectSeconds = Math.Max(newest.ConnectSeconds, formed.ConnectSeconds);
        newest.AgreeSeconds = Math.Max(newest.AgreeSeconds, formed.AgreeSeconds);
        newest.CatchUpSeconds = Math.Max(newest.CatchUpSeconds, formed.CatchUpSeconds);
    }

    /// <summary>A step was made in a generation.</summary>
    public void Stepped(long generation, long step, DateTimeOffset now)
    {
        if (Newest is not { FirstStepAt: null } newest || newest.Generation != generation || step <= newest.Step)
            return;
        // A step may be heard of before the job has written that all formed: whoever steps has formed.
        newest.FirstStepAt = Timestamp.FromDateTimeOffset(now);
        newest.FormedAt ??= newest.FirstStepAt;
    }
}
