using System.Net;
using Google.Protobuf;
using KaleidoDist.Collectives;
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
        using var joiner = ReplicaState.CreateEmpty(training.Setup);
        var caughtUp = new List<long>();
        var receiving = ReceiveAsync(joiner, Key, caughtUp.Add);
        RecordingPort donor = null!;
        donor = new RecordingPort { OnPropose = training.Commit, OnStep = step => donor.Donation = step == 3 ? Order() : null };
        var (_, hash) = training.Train(donor);
        await receiving;
        Assert.Equal((8, hash, 8), (joiner.Step, joiner.ReplicaHash(), joiner.Optimizer.StepCount));
        Assert.InRange(Assert.Single(caughtUp), 3, 8);
    }

    [Fact]
    public async Task ADonorWithAnotherKeyIsRefusedAndTrainsOn()
    {
        using var joiner = ReplicaState.CreateEmpty(training.Setup);
        var receiving = ReceiveAsync(joiner, new byte[32], _ => { });
        var donor = new RecordingPort { OnPropose = training.Commit, Donation = Order() };
        Assert.Equal(TrainingEnd.Completed, training.Train(donor).End);
        await receiving;
        Assert.Equal(ReplicaState.Nothing, joiner.Step);
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
