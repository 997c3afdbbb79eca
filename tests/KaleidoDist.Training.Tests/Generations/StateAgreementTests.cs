using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using TorchSharp;

namespace KaleidoDist.Training.Tests;

/// <summary>Where ranks stand when a generation forms, and how they come to the same step.</summary>
public sealed class StateAgreementTests : IDisposable
{
    private readonly MicroTraining training = new("training.steps=40");
    private readonly List<ReplicaState> states = [];

    [Fact]
    public void ARankThatHoldsTheReducedGradientAppliesTheStepThatAnotherHasApplied()
    {
        var (ahead, behind) = (Replica(steps: 2), Replica(steps: 2));
        Reduce(ahead, 3);
        Reduce(behind, 3);
        Apply(ahead, 3);
        var agreed = Agree(behind, ahead);
        Assert.Equal([CatchUp.Step, CatchUp.Nothing], agreed.Select(a => a.Taken));
        Assert.All(agreed, a => Assert.Equal(3, a.Step));
        AssertSame(behind, ahead);
        Assert.Equal(3, behind.Optimizer.StepCount);
        Assert.Equal(ahead.LastApplied!.GradientNorm, behind.LastApplied!.GradientNorm);
    }

    [Fact]
    public void AStepThatNobodyAppliedIsDoneAgain()
    {
        var (one, other) = (Replica(steps: 2), Replica(steps: 2));
        Reduce(one, 3);
        var agreed = Agree(one, other);
        Assert.All(agreed, a => Assert.Equal((2, CatchUp.Nothing), (a.Step, a.Taken)));
        AssertSame(one, other);
    }

    [Fact]
    public void AJoinerWithoutAStateGetsThatOfTheRankThatIsFurthest()
    {
        var (lagging, ahead) = (Replica(steps: 2), Replica(steps: 2));
        Reduce(lagging, 3);
        Reduce(ahead, 3);
        Apply(ahead, 3);
        ahead.Counters = new ReplicaCounters(0, 5);
        var joiner = Kept(ReplicaState.CreateEmpty(training.Setup));
        var agreed = Agree(lagging, ahead, joiner);
        Assert.Equal([CatchUp.State, CatchUp.Nothing, CatchUp.State], agreed.Select(a => a.Taken));
        AssertSame(ahead, lagging, joiner);
        Assert.Equal((3, 5L), (joiner.Optimizer.StepCount, joiner.Counters.ReplacedSamples));
    }

    /// <summary>Half of one state and half of another is none, whatever step the rank was at: alone in the next generation it would go on with it.</summary>
    [Fact]
    public void ACopyThatBreaksOffLeavesNoStateWhereAnotherOneWas()
    {
        var (ahead, behind, beside) = (Replica(steps: 4), Replica(steps: 2), Replica(steps: 4));
        Reduce(behind, 3);
        var right = ahead.ReplicaHash();
        ReplicaState[] replicas = [behind, ahead, beside];
        var broken = new Exception?[3];
        LoopbackWorld.Run(training, 3, (rank, group) => broken[rank] = Record.Exception(
            () => StateAgreement.Reach(training.Setup, replicas[rank], new BrokenCopy(group), new RecordingPort(), TimeProvider.System)));

        Assert.All(broken, error => Assert.IsType<IOException>(error));
        Assert.Equal((ReplicaState.Nothing, 0, null), (behind.Step, behind.ReducedStep, behind.LastApplied));
        Assert.All([ahead, beside], replica => Assert.Equal((4, right, 4), (replica.Step, replica.ReplicaHash(), replica.LastApplied!.Step)));

        var agreed = Agree(behind, beside);
        Assert.Equal([CatchUp.State, CatchUp.Nothing], agreed.Select(a => a.Taken));
        AssertSame(beside, behind);
    }

    [Fact]
    public void WithoutAnyStateNobodyTrains()
    {
        var joiners = new[] { Kept(ReplicaState.CreateEmpty(training.Setup)), Kept(ReplicaState.CreateEmpty(training.Setup)) };
        var error = Assert.Throws<KaleidoException>(() => Agree(joiners));
        Assert.Contains("No rank of generation 1 has a state", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AReplicaThatLostABitIsNamedAndReplacedByTheMajoritys()
    {
        var replicas = new[] { Replica(steps: 2), Replica(steps: 2), Replica(steps: 2) };
        var right = replicas[0].ReplicaHash();
        Flip(replicas[1].Parameters.Weights, 1234);
        var ports = replicas.Select(_ => new RecordingPort()).ToArray();
        Agree(ports, replicas);
        Assert.All(replicas, r => Assert.Equal(right, r.ReplicaHash()));
        Assert.StartsWith("After step 2 the weights of rank 1 differ from the other 2 ranks'", Assert.Single(ports[0].Warnings).Text, StringComparison.Ordinal);
        Assert.Equal("KD-T110", ports[0].Warnings[0].Code);
        Assert.Empty(ports[1].Warnings);

        Flip(replicas[1].Optimizer.SecondMoment, 99);
        var error = Assert.Throws<KaleidoException>(() => Agree(replicas));
        Assert.Contains("the weights of rank 1 differ from the majority's for the second time", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoReplicasThatDifferHaveNoMajority()
    {
        var replicas = new[] { Replica(steps: 1), Replica(steps: 1) };
        Flip(replicas[0].Optimizer.FirstMoment, 7);
        var error = Assert.Throws<KaleidoException>(() => Agree(replicas));
        Assert.Contains("none has a majority", error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Resumable, error.ExitCode);
    }

    [Theory]
    [InlineData(new ulong[] { 7, 7, 7 }, new int[0], 0)]
    [InlineData(new ulong[] { 8, 7, 7 }, new[] { 0 }, 1)]
    [InlineData(new ulong[] { 7, 8, 7, 9, 7 }, new[] { 1, 3 }, 0)]
    [InlineData(new ulong[] { 7, 7, 8, 8 }, new[] { 2, 3 }, null)]
    [InlineData(new ulong[] { 1, 2, 3 }, new[] { 1, 2 }, null)]
    public void MoreThanHalfOfTheRanksAreRight(ulong[] hashes, int[] odd, int? majority)
    {
        var (found, healthy) = ReplicaComparison.Judge(hashes);
        Assert.Equal(odd, found);
        Assert.Equal(majority, healthy);
    }

    public void Dispose()
    {
        foreach (var state in states)
            state.Dispose();
        training.Dispose();
    }

    private Agreement[] Agree(params ReplicaState[] replicas) => Agree([.. replicas.Select(_ => new RecordingPort())], replicas);

    private Agreement[] Agree(RecordingPort[] ports, ReplicaState[] replicas)
    {
        var agreements = new Agreement[replicas.Length];
        LoopbackWorld.Run(
            training, replicas.Length, (rank, group) => agreements[rank] = StateAgreement.Reach(training.Setup, replicas[rank], group, ports[rank], TimeProvider.System));
        return agreements;
    }

    /// <summary>A replica after so many steps with made-up gradients, the same on every replica.</summary>
    private ReplicaState Replica(int steps)
    {
        var state = Kept(ReplicaState.Create(training.Setup));
        for (var step = 1; step <= steps; step++)
        {
            Reduce(state, step);
            Apply(state, step);
        }

        return state;
    }

    private ReplicaState Kept(ReplicaState state)
    {
        states.Add(state);
        return state;
    }

    private static void Reduce(ReplicaState state, long step)
    {
        using var noGradients = torch.no_grad();
        using var generator = new torch.Generator((ulong)step);
        using var values = torch.randn(state.Parameters.Gradients.shape, generator: generator);
        state.Parameters.Gradients.copy_(values);
        state.ReducedStep = step;
    }

    private void Apply(ReplicaState state, long step)
    {
        var sums = new TaskSums();
        sums.AddSamples(16, replaced: 0);
        new StepUpdate(training.Setup.Spec, training.Setup.TotalSteps).Apply(state, step, sums);
    }

    private static void Flip(torch.Tensor values, long index)
    {
        var bytes = values.bytes;
        bytes[(int)index * sizeof(float)] ^= 1;
    }

    private static void AssertSame(params ReplicaState[] replicas)
        => Assert.All(replicas, r => Assert.Equal((replicas[0].ReplicaHash(), replicas[0].Step), (r.ReplicaHash(), r.Step)));

    /// <summary>Breaks after the first of the tensors.</summary>
    private sealed class BrokenCopy(ICollective inner) : ForwardingCollective(inner)
    {
        private int copied;

        public override void Broadcast(FloatRange values, int root)
        {
            if (copied++ > 0)
                throw new IOException("the group broke");
            base.Broadcast(values, root);
        }
    }
}
