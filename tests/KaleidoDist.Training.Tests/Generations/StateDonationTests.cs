using System.Net;
using Google.Protobuf;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>A joiner that follows a training it is not part of yet.</summary>
public sealed class StateDonationTests : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private readonly MicroTraining training = new("training.steps=8");
    private readonly DataPlaneListener listener = DataPlaneListener.Bind(IPAddress.Loopback);

    [Fact]
    public async Task AJoinerHasTheDonorsBitsWhenTheDonorIsDone()
    {
        using var work = TrainingWork.Join(training.Setup, TimeProvider.System);
        var joiner = work.Replica!;
        var caughtUp = new List<long>();
        var receiving = ReceiveAsync(joiner, Key, caughtUp.Add);
        RecordingPort donor = null!;
        donor = new RecordingPort { OnPropose = training.Commit, OnStep = step => donor.Donation = step >= 3 ? Order() : null };
        var (_, hash) = training.Train(donor);
        await receiving;
        Assert.Equal((8, hash, 8), (joiner.Step, joiner.ReplicaHash(), joiner.Optimizer.StepCount));
        Assert.InRange(Assert.Single(caughtUp), 3, 8);
    }

    [Fact]
    public void AJoinerRehearsesAStepAndHasNoStateFromIt()
    {
        using var work = TrainingWork.Join(training.Setup, TimeProvider.System);
        var state = work.Replica!;
        Assert.True(state.Parameters.Gradients.count_nonzero().item<long>() > 0);
        Assert.Equal((ReplicaState.Nothing, 0, 0), (state.Step, state.ReducedStep, state.Optimizer.StepCount));
        Assert.Equal(0, state.Parameters.Weights.count_nonzero().item<long>());
    }

    [Fact]
    public void AJoinerWithoutTheDataEndsBeforeItAsksForAState()
    {
        var files = training.Setup.Train.Files.Select(file => file with { Path = $"{file.Path}.elsewhere" });
        var setup = training.Setup with { Train = training.Setup.Train with { Files = [.. files] } };
        var error = Assert.Throws<KaleidoException>(() => TrainingWork.Join(setup, TimeProvider.System));
        Assert.Contains(".elsewhere", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADonorWithAnotherKeyIsRefusedAndTrainsOn()
    {
        using var joiner = ReplicaState.CreateEmpty(training.Setup);
        var told = new List<long>();
        var receiving = ReceiveAsync(joiner, new byte[32], told.Add);
        var donor = new RecordingPort { OnPropose = training.Commit, Donation = Order() };
        Assert.Equal(TrainingEnd.Completed, training.Train(donor).End);
        await receiving;
        Assert.Equal(ReplicaState.Nothing, joiner.Step);
        Assert.Empty(told); // anybody can dial: the joiner still waits for its donor
    }

    [Fact]
    public void AJoinerThatIsNotThereCostsTheDonorNothing()
    {
        var donor = new RecordingPort { OnPropose = training.Commit, Donation = Order() };
        listener.Dispose();
        Assert.Equal(TrainingEnd.Completed, training.Train(donor).End);
        Assert.Equal(8, donor.Steps.Count);
        Assert.Empty(donor.Warnings);
    }

    public void Dispose()
    {
        listener.Dispose();
        training.Dispose();
    }

    private DonateState Order() => new() { Member = 1, Joiner = 2, Endpoint = listener.EndpointAt("127.0.0.1"), DonationKey = ByteString.CopyFrom(Key) };

    private Task ReceiveAsync(ReplicaState joiner, byte[] key, Action<long> caughtUp) => Task.Factory.StartNew(
        () =>
        {
            System.Net.Sockets.Socket? socket;
            while ((socket = listener.TryAccept()) is null)
                Thread.Sleep(1);
            using var reception = new StateReception(training.Setup, joiner, new RecordingPort(), TimeProvider.System);
            reception.Receive(socket, key, caughtUp);
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
