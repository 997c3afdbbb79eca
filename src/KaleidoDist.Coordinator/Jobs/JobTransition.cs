using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What a command does to a job.</summary>
/// <param name="State">The job after it.</param>
/// <param name="Effects">What to do once the state is written, in this order.</param>
/// <param name="Reason">Why: one sentence, for log and test.</param>
/// <param name="Durable">Whether the state has to be written before the effects. A move that is not durable may be forgotten by a crash.</param>
internal sealed record JobTransition(JobState State, ImmutableArray<JobEffect> Effects, string Reason, bool Durable)
{
    /// <summary>A move that is written.</summary>
    public static JobTransition Move(JobState state, params ReadOnlySpan<JobEffect> effects)
        => new(state with { Revision = state.Revision + 1 }, [.. effects], state.Reason, Durable: true);

    /// <summary>A change that may be forgotten.</summary>
    public static JobTransition Passing(JobState state, string reason, params ReadOnlySpan<JobEffect> effects)
        => new(state, [.. effects], reason, Durable: false);

    /// <summary>A command that does not apply.</summary>
    public static JobTransition Ignored(JobState state, string reason, params ReadOnlySpan<JobEffect> effects)
        => new(state with { IgnoredMessages = state.IgnoredMessages + 1 }, [.. effects], reason, Durable: false);

    /// <summary>This move, and what follows from the state it leads to; null for nothing. Both are one write.</summary>
    public JobTransition Then(Func<JobState, JobTransition?> next) => next(State) is not { } more
        ? this
        : new(more.State, [.. Effects, .. more.Effects], more.Durable ? more.Reason : Reason, Durable || more.Durable);

    /// <summary>This move, with effects that come first.</summary>
    public JobTransition After(ImmutableArray<JobEffect> effects) => effects.IsEmpty ? this : this with { Effects = [.. effects, .. Effects] };
}
