using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

public sealed class ReplicaStateTests
{
    [Fact]
    public void SavedStateIsLoadedBitForBit()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        Fill(state.Parameters.Weights, state, 1);
        Fill(state.Optimizer.FirstMoment, state, 2);
        Fill(state.Optimizer.SecondMoment, state, 3);
        (state.Optimizer.StepCount, state.Step) = (17, 19);

        var seq = Save(training, state);
        using var loaded = ReplicaState.Create(training.Setup with { ResumeSeq = seq });
        Assert.Equal((17L, 19L), (loaded.Optimizer.StepCount, loaded.Step));
        Assert.Equal(Values(state), Values(loaded));
        Assert.Equal(state.ReplicaHash(), loaded.ReplicaHash());
    }

    [Fact]
    public void TheHashFollowsEveryTensorOfTheState()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        var hashes = new List<ulong> { state.ReplicaHash() };
        foreach (var flat in new[] { state.Parameters.Weights, state.Optimizer.FirstMoment, state.Optimizer.SecondMoment })
        {
            var last = state.Parameters.Layout.Slots[^1];
            new FloatRange(TorchStable.DataPointer(flat), flat.numel()).AsSpan()[(int)(last.Offset + last.Count - 1)] += 1;
            hashes.Add(state.ReplicaHash());
        }

        Assert.Equal(4, hashes.Distinct().Count());
    }

    [Fact]
    public void TheSameSeedGivesTheSameWeightsAndAnotherSeedOthers()
    {
        using MicroTraining one = new(), same = new(), other = new("seed=43");
        Assert.Equal(Hash(one), Hash(same));
        Assert.NotEqual(Hash(one), Hash(other));
    }

    [Fact]
    public void ACheckpointOfAnotherModelIsRefused()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        var seq = Save(training, state);
        using var wider = new MicroTraining("model.layers=2");
        var error = Assert.Throws<KaleidoException>(() => ReplicaState.Create(wider.From(training, seq)));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Fact]
    public void MomentsOfAnotherOptimizerAreRefused()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        var seq = Save(training, state);
        using var other = new MicroTraining("training.optimizer.name=lamb");
        var error = Assert.Throws<KaleidoException>(() => ReplicaState.Create(other.From(training, seq)));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains("has the moments of adamw, and 'training.optimizer.name' is lamb", error.Message, StringComparison.Ordinal);
    }

    private static long Save(MicroTraining training, ReplicaState state)
    {
        var shard = new CheckpointShardWriter(training.Folder).Write(state.Snapshot("micro", generation: 1));
        var proposal = new CheckpointProposal { Generation = 1, Shard = 1, ShardCount = 1, Step = state.Step, Attempt = shard.Attempt, Directory = shard.Directory, WeightsXxh128 = shard.WeightsXxh128, Kind = "periodic" };
        proposal.Files.AddRange(shard.Files.Select(f => new Protocol.V1.CheckpointFile { Name = f.Name, Bytes = f.Bytes, Xxh128 = f.Xxh128, Tensors = f.Tensors }));
        return training.Commit(proposal)!.Seq;
    }

    private static ulong Hash(MicroTraining training)
    {
        using var state = ReplicaState.Create(training.Setup);
        return state.ReplicaHash();
    }

    /// <summary>Bits of every kind, NaN payloads and negative zeros among them: a checkpoint copies bytes.</summary>
    private static void Fill(TorchSharp.torch.Tensor flat, ReplicaState state, ulong stream)
    {
        var random = new KeyedRandom(stream, RandomPurpose.Dropout);
        var values = new FloatRange(TorchStable.DataPointer(flat), flat.numel()).AsSpan();
        foreach (var slot in state.Parameters.Layout.Slots)
        {
            for (var i = slot.Offset; i < slot.Offset + slot.Count; i++)
                values[(int)i] = BitConverter.UInt32BitsToSingle(random.NextUInt32());
        }
    }

    private static List<uint> Values(ReplicaState state)
    {
        var bits = new List<uint>();
        foreach (var flat in new[] { state.Parameters.Weights, state.Optimizer.FirstMoment, state.Optimizer.SecondMoment })
        {
            foreach (var value in new FloatRange(TorchStable.DataPointer(flat), flat.numel()).AsSpan())
                bits.Add(BitConverter.SingleToUInt32Bits(value));
        }

        return bits;
    }
}
