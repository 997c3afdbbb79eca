using System.Collections.Concurrent;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Model;
using KaleidoDist.Protocol.V1;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

/// <summary>Backward in segments, and gradients that travel while it goes on.</summary>
public sealed class OverlapTests
{
    [Theory]
    [InlineData("model.hidden_dropout=0.1", "model.attention_dropout=0.1", "model.layers=3")]
    [InlineData("model.hidden_dropout=0", "model.attention_dropout=0", "model.layers=1")]
    public void BackwardInSegmentsHasTheBitsOfOneBackwardPass(params string[] overrides)
    {
        using var training = new MicroTraining(overrides);
        using var state = ReplicaState.Create(training.Setup);
        foreach (var leaf in LeafGradientTests.Leaves(training.Setup, count: 4))
        {
            var (batch, scale) = (leaf.MicroBatches[0], new LossScale(leaf.MaskedWeightSum, leaf.Count));
            float[] Gradient(Func<KaleidoInputs, KaleidoLosses> run)
            {
                using var scope = NewDisposeScope();
                state.Parameters.ZeroGradients();
                manual_seed(leaf.VirtualRank);
                run(BatchTensors.From(batch, training.Setup.Spec.Model, state.Device).Compact());
                return state.PullGradients().AsSpan().ToArray();
            }

            var whole = Gradient(inputs =>
            {
                var losses = KaleidoLosses.Compute(state.Model.Forward(inputs, training: true), inputs, scale);
                (losses.Total * leaf.Count).backward();
                return losses;
            });
            Assert.Contains(whole, value => value != 0);
            AssertSameBits(whole, Gradient(inputs => SegmentedPass.Run(state.Model, inputs, scale, TaskWeights.All)));
        }
    }

    [Fact]
    public void GradientsOfAFinishedSegmentDoNotChangeAnyMore()
    {
        using var training = new MicroTraining("training.global_batch_size=32", "training.micro_batch_size=2");
        using var state = ReplicaState.Create(training.Setup);
        var buckets = new GradientBuckets(new KaleidoSegments(training.Setup.Spec.Model, state.Parameters.Layout), state.Parameters.Layout, bucketCount: 4096);
        var leaf = LeafGradientTests.Leaves(training.Setup, count: 1)[0];
        Assert.Equal(2, leaf.MicroBatches.Count);

        var seen = new List<int>();
        var early = new float[state.Parameters.Layout.Length];
        new LeafGradient(training.Setup.Spec, state.Model, state.Parameters, state.Device).Compute(1, leaf, TaskWeights.All, new TaskSums(), segment =>
        {
            seen.Add(segment);
            foreach (var (offset, count) in buckets.FinishedBy(segment))
                state.HostGradients.Slice(offset, count).AsSpan().CopyTo(early.AsSpan((int)offset));
        });
        Assert.Equal(Enumerable.Range(0, buckets.SegmentCount).Reverse(), seen);
        AssertSameBits(state.PullGradients().AsSpan().ToArray(), early);
    }

    [Theory]
    [InlineData("kaleido-base")]
    [InlineData("kaleido-tiny")]
    public void BucketsTileTheGradientFromItsEndsAndHoldFinishedSegmentsOnly(string preset)
    {
        var config = ModelConfig.Preset(preset)!;
        var layout = KaleidoLayout.Of(config);
        var segments = new KaleidoSegments(config, layout);
        var buckets = new GradientBuckets(segments, layout);
        var covered = new SortedDictionary<long, long>();
        for (var segment = segments.Heads; segment >= 0; segment--)
        {
            foreach (var (offset, count) in buckets.FinishedBy(segment))
            {
                Assert.InRange(count, 1, GradientBuckets.DefaultCount);
                covered.Add(offset, count);
                Assert.All(layout.Slots.Where(slot => slot.Offset < offset + count && slot.Offset + slot.Count > offset), slot => Assert.InRange(segments.Of(slot.Name), segment, segments.Heads));
            }
        }

        long next = 0;
        foreach (var (offset, count) in covered)
        {
            Assert.Equal(next, offset);
            next = offset + count;
        }

        Assert.Equal(layout.Length, next);
        Assert.InRange(covered.Count, layout.Length / GradientBuckets.DefaultCount, layout.Length / GradientBuckets.DefaultCount + 2);
    }

    [Fact]
    public void EveryWorldComesToTheSameWeightsWithOverlapAndWithout()
    {
        string[] few = ["training.steps=4", "model.hidden_dropout=0.1", "model.attention_dropout=0.1"];
        using var alone = new MicroTraining([.. few, "training.overlap=false"]);
        var (_, expected) = alone.Train(new RecordingPort { OnPropose = alone.Commit });
        foreach (var (worldSize, overlap) in ((int, string)[])[(1, "true"), (2, "true"), (2, "false"), (3, "true")])
        {
            using var training = new MicroTraining([.. few, $"training.overlap={overlap}"]);
            var port = new RecordingPort { OnPropose = training.Commit };
            Assert.Equal(expected, LoopbackWorld.Train(training, worldSize, port));
            Assert.Equal(4, port.Steps.Count);
        }
    }

    [Fact]
    public void AnyCutIntoBucketsGivesTheSameSum()
    {
        using var training = new MicroTraining("model.layers=3", "training.global_batch_size=32", "training.micro_batch_size=2");
        var leaves = LeafGradientTests.Leaves(training.Setup, count: 8);
        float[]? expected = null;
        foreach (var (worldSize, bucketCount, onDevice) in ((int, long, bool)[])[(1, 1, false), (2, 1008, false), (3, 16_384, true), (3, 300_000, false), (2, GradientBuckets.DefaultCount, true)])
        {
            var turn = new Lock();
            var sums = new float[worldSize][];
            LoopbackWorld.Run(training, worldSize, (rank, collective) =>
            {
                using var state = ReplicaState.Create(training.Setup);
                using var gradients = new GradientReduction(training.Setup.Spec, state, collective, onDevice ? new CudaMemory(CPU) : null, bucketCount);
                gradients.Reset();
                foreach (var leaf in leaves.Where(leaf => InRange(leaf.VirtualRank, VirtualRankRange.Of(rank, worldSize, 8))))
                {
                    lock (turn)
                        gradients.Add(1, leaf, new TaskSums());
                }

                gradients.Finish();
                sums[rank] = state.PullGradients().AsSpan().ToArray();
            });
            expected ??= sums[0];
            Assert.All(sums, sum => AssertSameBits(expected, sum));
        }

        static bool InRange(int leaf, VirtualRankRange range) => leaf >= range.First && leaf < range.End;
    }

    [Fact]
    public void ALeafWithoutSamplesSendsItsZerosOff()
    {
        using var training = new MicroTraining();
        var leaf = LeafGradientTests.Leaves(training.Setup, count: 8)[7] with { Count = 0, MicroBatches = [] };
        LoopbackWorld.Run(training, 2, (rank, collective) =>
        {
            using var state = ReplicaState.Create(training.Setup);
            using var gradients = new GradientReduction(training.Setup.Spec, state, collective);
            gradients.Reset();
            for (var virtualRank = 4 * rank; virtualRank < 4 * (rank + 1); virtualRank++)
                gradients.Add(1, leaf with { VirtualRank = virtualRank }, new TaskSums());
            gradients.Finish();
            Assert.All(state.PullGradients().AsSpan().ToArray(), value => Assert.Equal(0f, value));
        });
    }

    [Fact]
    public void TheFiguresAreTheLastCollectiveOfAStepAndBeginWhenAllBucketsAreIn()
    {
        using var training = new MicroTraining("training.steps=3", "checkpoint.every=100", "training.verify_every=0");
        training.Setup = training.Setup with { Validation = null };
        var calls = new ConcurrentDictionary<int, CallOrder>();
        LoopbackWorld.Train(training, 2, new RecordingPort { OnPropose = training.Commit }, collective => calls[collective.Rank] = new CallOrder(collective));
        var length = KaleidoLayout.Of(training.Setup.Spec.Model).Length;
        Assert.All(calls.Values, order =>
        {
            Assert.Equal(3, order.Calls.Count(count => count == TaskSums.Length));
            Assert.Equal(TaskSums.Length, order.Calls[^1]);
            Assert.Equal(3 * length, order.Calls.Where(count => count != TaskSums.Length).Sum());
            Assert.Equal(0, order.UnfinishedBeforeFigures);
        });
        Assert.Equal(calls[0].Calls, calls[1].Calls);
    }

    [Fact]
    public void AFailureWhileBucketsAreUnderWayEndsThePeersCallsToo()
    {
        using var training = new MicroTraining("training.steps=2");
        var error = new ArithmeticException("the second bucket breaks");
        var seen = new Exception?[2];
        LoopbackWorld.Run(training, 2, (rank, collective) =>
        {
            using var state = ReplicaState.Create(training.Setup);
            var failing = rank == 0 ? new CallOrder(collective) { FailAt = (2, error) } : collective;
            using var trainer = new Trainer(training.Setup with { Validation = null }, state, failing, new RecordingPort(), TimeProvider.System);
            seen[rank] = Record.Exception(() => trainer.Run());
        });
        Assert.Same(error, seen[0]);
        Assert.IsType<PeerLostException>(seen[1]);
    }

    private static void AssertSameBits(float[] expected, float[] actual)
        => Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));

    /// <summary>Writes down the sizes of all-reduces in the order they were begun.</summary>
    private sealed class CallOrder(ICollective inner) : ForwardingCollective(inner)
    {
        private readonly List<Reduction> begun = [];

        public List<long> Calls { get; } = [];

        /// <summary>Reductions that were still under way when a step's figures were reduced.</summary>
        public int UnfinishedBeforeFigures { get; private set; }

        /// <summary>The number of the call that fails, from 1, and with what.</summary>
        public (int Call, Exception Error)? FailAt { get; init; }

        public override Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
        {
            Calls.Add(result.Count);
            if (FailAt is { } fail && fail.Call == Calls.Count)
                throw fail.Error;
            if (result.Count == TaskSums.Length)
            {
                UnfinishedBeforeFigures += begun.Count(reduction => !IsOver(reduction));
                begun.Clear();
            }

            var reduction = base.BeginAllReduce(partials, result);
            if (result.Count != TaskSums.Length)
                begun.Add(reduction);
            return reduction;
        }

        // A reduction that was waited for refuses the question: it is over.
        private static bool IsOver(Reduction reduction)
        {
            try
            {
                _ = reduction.IsCompleted;
                return false;
            }
            catch (InvalidOperationException)
            {
                return true;
            }
        }
    }
}
