using KaleidoDist.Checkpoints;

namespace KaleidoDist.Collectives.Tests;

/// <summary>Ranks as real processes, killed and stopped in the middle of a collective.</summary>
public sealed class KilledProcessTests
{
    private const int Size = 200_003;

    private static readonly Lazy<string> Expected = new(() => RankProgram.Hash(Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size))));

    [Theory]
    [InlineData("0000", "000")] // Shared memory
    [InlineData("0123", "012")] // TCP
    [InlineData("0011", "001")] // Both
    public void SurvivorsOfAKillNoticeFormAnewAndSumTheSame(string grouping, string survivingGrouping)
    {
        var filesBefore = Directory.GetFiles("/dev/shm");
        var ranks = RankProcess.Start(4);
        try
        {
            RankProcess.Form(ranks, 1, grouping);
            Array.ForEach(ranks, rank => rank.Answer("formed"));
            Array.ForEach(ranks, rank => rank.Order($"loop {Size}"));
            Array.ForEach(ranks, rank => rank.Answer("looping"));

            ranks[3].Signal(ProcessSignal.Kill);
            var survivors = ranks[..3];
            var faults = survivors.Select(rank => rank.Answer("fault")).ToArray();
            Assert.All(faults, fault => Assert.StartsWith("fault PeerLostException", fault));
            Assert.Contains(faults, fault => fault.StartsWith("fault PeerLostException 3", StringComparison.Ordinal));
            Assert.All(survivors, rank => Assert.False(rank.MapsSharedMemory));

            RankProcess.Form(survivors, 2, survivingGrouping);
            Array.ForEach(survivors, rank => rank.Answer("formed"));
            Array.ForEach(survivors, rank => rank.Order($"sum {Size}"));
            Assert.All(survivors, rank => Assert.Equal($"sum {Expected.Value}", rank.Answer("sum")));
            Assert.Equal(filesBefore, Directory.GetFiles("/dev/shm"));
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }

    [Theory]
    [InlineData("000")]
    [InlineData("012")]
    public void AStoppedRankIsNamedAndLearnsThatItIsOutWhenItGoesOn(string grouping)
    {
        var ranks = RankProcess.Start(3);
        try
        {
            RankProcess.Form(ranks, 1, grouping, timeoutMilliseconds: 500);
            Array.ForEach(ranks, rank => rank.Answer("formed"));
            Array.ForEach(ranks, rank => rank.Order($"loop {Size}"));
            Array.ForEach(ranks, rank => rank.Answer("looping"));

            ranks[1].Signal(ProcessSignal.Stop);
            string[] faults = [ranks[0].Answer("fault"), ranks[2].Answer("fault")];
            Assert.Contains(faults, fault => fault.StartsWith("fault CollectiveTimeoutException 1", StringComparison.Ordinal));
            ranks[1].Signal(ProcessSignal.Continue);
            Assert.StartsWith("fault PeerLostException", ranks[1].Answer("fault"));
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AKillWhileAGroupFormsLeavesNothingBehind(bool hasCreatedTheMemory)
    {
        var filesBefore = Directory.GetFiles("/dev/shm");
        var ranks = RankProcess.Start(3);
        try
        {
            // Rank 0 creates the memory of the host; wherever it is when it dies, the others must come out of it.
            RankProcess.Form(ranks, 1, "000", formationMilliseconds: 1500);
            if (hasCreatedTheMemory)
                LoopbackGroup.Until(() => ranks[0].MapsSharedMemory, "rank 0 maps the memory of its host");
            ranks[0].Signal(ProcessSignal.Kill);
            var survivors = ranks[1..];
            Array.ForEach(survivors, rank => rank.Order("loop 1000"));
            foreach (var rank in survivors)
            {
                if (rank.Answer() is var first && first.StartsWith("formed", StringComparison.Ordinal))
                    rank.Answer("fault");
                else
                    Assert.StartsWith("fault", first);
                Assert.False(rank.MapsSharedMemory);
            }

            Assert.Equal(filesBefore, Directory.GetFiles("/dev/shm"));
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }
}
