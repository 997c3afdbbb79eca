using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>Training as a rank's work: one replica, and a <see cref="Trainer"/> for every generation.</summary>
public sealed class TrainingWork : IRankWork
{
    private readonly TrainerSetup setup;
    private readonly ReplicaState state;
    private readonly TimeProvider time;

    private TrainingWork(TrainerSetup setup, ReplicaState state, TimeProvider time) => (this.setup, this.state, this.time) = (setup, state, time);

    /// <summary>Work that begins: with new weights, or with those of the checkpoint to resume.</summary>
    /// <exception cref="KaleidoException">The checkpoint or the weights to start from cannot be used, or the device is missing.</exception>
    public static TrainingWork Begin(TrainerSetup setup, TimeProvider time) => new(setup, ReplicaState.Create(setup), time);

    /// <summary>Work that joins what others began, ready to be quick: with a peer's state it steps as fast as they do.</summary>
    /// <exception cref="KaleidoException">The data cannot be read here, or the device is missing.</exception>
    public static TrainingWork Join(TrainerSetup setup, TimeProvider time)
    {
        var state = ReplicaState.CreateEmpty(setup);
        try
        {
            Rehearsal.Run(setup, state);
        }
        catch
        {
            state.Dispose();
            throw;
        }

        return new TrainingWork(setup, state, time);
    }

    /// <inheritdoc/>
    public long Step => state.Step;

    /// <inheritdoc/>
    public long TotalSteps => setup.TotalSteps;

    /// <inheritdoc/>
    public long StepsPerEpoch => setup.StepsPerEpoch;

    /// <inheritdoc/>
    public string EarlyEnd { get; private set; } = "";

    /// <inheritdoc/>
    public long ParameterCount => state.Parameters.Layout.ParameterCount;

    /// <inheritdoc/>
    public TimeSpan LastStepTime => state.LastApplied?.Times.Total ?? TimeSpan.Zero;

    /// <inheritdoc/>
    public ReplicaState? Replica => state;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Environment => RankEnvironment.Describe(setup.Spec, state);

    /// <inheritdoc/>
    public IEnumerable<string> Description => [$"on {state.Device.type}, {ParameterCount:N0} parameters; steps to {setup.LastStep} of {TotalSteps}", .. state.InitialWeights?.Lines ?? []];

    /// <inheritdoc/>
    public Agreement Agree(ICollective collective, ITrainingPort port) => StateAgreement.Reach(setup, state, collective, port, time);

    /// <inheritdoc/>
    public TrainingEnd Run(FormGeneration form, ICollective collective, ITrainingPort port)
    {
        var generation = setup with { Failures = form.Failures, RunningTime = TimeSpan.FromSeconds(form.RunningSeconds) };
        using var trainer = new Trainer(generation, state, collective, port, time);
        var end = form.Stop ? trainer.Stop() : trainer.Run();
        EarlyEnd = end == TrainingEnd.Completed ? trainer.EarlyEnd ?? "" : "";
        return end;
    }

    /// <inheritdoc/>
    public void Dispose() => state.Dispose();
}
