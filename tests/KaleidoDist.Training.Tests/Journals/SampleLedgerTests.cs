using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>What a ledger holds, and when.</summary>
public sealed class SampleLedgerTests : IDisposable
{
    private static readonly ModelConfig Model = MicroJob.Spec("run").Model;
    private readonly TemporaryFolder folder = new();
    private readonly InstantTime time = new();

    [Fact]
    public void AStepIsALineForEachLeafAndOneForItsApplication()
    {
        using (var ledger = Open())
        {
            time.Advance(TimeSpan.FromTicks(100));
            ledger.Computed(3, 17, 4, LeafOf([5, 9], [2]));
            ledger.Computed(3, 17, 5, LeafOf());
            time.Advance(TimeSpan.FromTicks(7));
            ledger.Applied(3, 17, gradientNorm: 1.5);
        }

        Assert.Equal("C 100 3 17 4 5,9,2\nC 100 3 17 5 \nA 107 3 17 3ff8000000000000\n", Written());
    }

    [Fact]
    public void NormsThatDifferInTheirLastBitAreWrittenDifferently()
    {
        using var ledger = Open();
        ledger.Applied(1, 1, gradientNorm: 1);
        ledger.Applied(1, 1, Math.BitIncrement(1));
        ledger.Applied(1, 1, double.NaN);
        Assert.Equal("A 0 1 1 3ff0000000000000\nA 0 1 1 3ff0000000000001\nA 0 1 1 fff8000000000000\n", Written());
    }

    [Fact]
    public void ALineCanBeReadBeforeTheLedgerIsClosed()
    {
        using var ledger = Open();
        ledger.Computed(1, 1, 0, LeafOf([8]));
        Assert.Equal("C 0 1 1 0 8\n", Written());
    }

    [Fact]
    public void AProcessThatOpensItsLedgerAgainGoesOnInIt()
    {
        using (var ledger = Open())
            ledger.Applied(1, 1, gradientNorm: 1);
        using (var ledger = Open())
            ledger.Applied(2, 2, gradientNorm: 1);
        Assert.Equal("A 0 1 1 3ff0000000000000\nA 0 2 2 3ff0000000000000\n", Written());
    }

    [Fact]
    public void NobodyWhoDidNotAskGetsALedger()
    {
        Assert.Null(Environment.GetEnvironmentVariable(SampleLedger.FolderVariable));
        Assert.Null(SampleLedger.FromEnvironment(time));
    }

    public void Dispose() => folder.Dispose();

    private static Leaf LeafOf(params long[][] batches)
    {
        var made = batches.Select(ids =>
        {
            var batch = new MicroBatch(ids.Length, Model);
            ids.CopyTo(batch.SampleIds, 0);
            return batch;
        }).ToList();
        return new Leaf(0, 0, made.Sum(batch => batch.Count), made, MaskedWeightSum: 0, ReplacedCount: 0);
    }

    private SampleLedger Open() => new(folder.Path, "42-7", time);

    private string Written()
    {
        using var file = new StreamReader(new FileStream(folder["42-7.ledger"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return file.ReadToEnd();
    }
}
