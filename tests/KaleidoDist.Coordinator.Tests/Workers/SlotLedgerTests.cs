namespace KaleidoDist.Coordinator.Tests;

public sealed class SlotLedgerTests
{
    private readonly SlotLedger ledger = new();

    [Fact]
    public void AnAskIsMetWhenEnoughWorkersHaveCome()
    {
        ledger.Enroll("a", "one", "h", 2, []);
        Assert.Null(ledger.Ask(Ask("j", 3, 4)));
        Assert.Empty(ledger.Deal());
        ledger.Enroll("b", "one", "h", 4, []);
        var grant = Assert.Single(ledger.Deal());
        Assert.Equal("b b b b", string.Join(' ', grant.Seats.Select(s => s.WorkerId)));
        Assert.Equal(2, ledger.Free);
    }

    [Fact]
    public void MembersOnAWorkerAreConsecutive()
    {
        ledger.Enroll("a", "one", "h", 2, []);
        ledger.Enroll("b", "one", "h", 3, []);
        ledger.Ask(Ask("j", 1, 8));
        Assert.Equal("1b 2b 3b 4a 5a", string.Join(' ', Assert.Single(ledger.Deal()).Seats.Select(s => $"{s.Member}{s.WorkerId}")));
    }

    [Fact]
    public void ASlotIsDealtAgainOnlyAfterItsProcessIsGone()
    {
        ledger.Enroll("a", "one", "h", 1, []);
        ledger.Ask(Ask("j", 1, 1));
        ledger.Deal();
        ledger.Ask(Ask("k", 1, 1));
        Assert.Empty(ledger.Deal());
        ledger.Vacate("a", new SlotUse("j", 1));
        Assert.Equal("k", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void ARepeatedAskIsAnsweredWithTheSameGrant()
    {
        ledger.Enroll("a", "one", "h", 2, []);
        ledger.Ask(Ask("j", 1, 1));
        var first = Assert.Single(ledger.Deal());
        var second = ledger.Ask(Ask("j", 1, 1));
        Assert.Equal(first.Seats.AsEnumerable(), second!.Seats);
        Assert.Equal(1, ledger.Free);
    }

    [Fact]
    public void ASuspectWorkersSlotsAreNotDealt()
    {
        ledger.Enroll("a", "one", "h", 2, []);
        ledger.Suspend("a");
        Assert.Equal(0, ledger.Free);
    }

    [Fact]
    public void AWorkerThatRegistersRunsExactlyWhatItSays()
    {
        ledger.Adopt("a", "h", [new SlotUse("j", 3), new SlotUse("k", 1)]);
        Assert.Equal("j k", string.Join(' ', ledger.JobsOn("a")));
        Assert.Equal(0, ledger.Free);
        ledger.Enroll("a", "one", "h", 4, [new SlotUse("j", 3)]);
        Assert.Equal("j", string.Join(' ', ledger.JobsOn("a")));
        Assert.Equal(3, ledger.Free);
    }

    [Fact]
    public void AskersAreServedInOrderButASmallOnePassesOneThatCannotBeMet()
    {
        ledger.Ask(Ask("big", 8, 8));
        ledger.Ask(Ask("small", 1, 1));
        ledger.Enroll("a", "one", "h", 2, []);
        Assert.Equal("small", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void AWithdrawnAskHoldsNothingButWhatRunsStays()
    {
        ledger.Enroll("a", "one", "h", 3, [new SlotUse("j", 4)]);
        ledger.Ask(Ask("j", 1, 2, first: 5));
        ledger.Deal();
        Assert.Equal(0, ledger.Free);
        ledger.Withdraw("j", 5);
        Assert.Equal(2, ledger.Free);
    }

    [Fact]
    public void AJobGrowsOnlyBySlotsThatNoWaitingJobCouldUse()
    {
        ledger.Enroll("a", "one", "h", 2, [new SlotUse("j", 1)]);
        ledger.Ask(Ask("j", 1, 3, first: 2, growth: true));
        ledger.Ask(Ask("k", 2, 2));
        Assert.Empty(ledger.Deal());
        ledger.Vacate("a", new SlotUse("j", 1));
        Assert.Equal("k", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void AJobThatWaitsForMoreSlotsThanThereAreKeepsNobodyFromGrowing()
    {
        ledger.Enroll("a", "one", "h", 2, [new SlotUse("j", 1)]);
        ledger.Ask(Ask("k", 9, 9));
        ledger.Ask(Ask("j", 1, 3, first: 2, growth: true));
        Assert.Equal("j", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void ARefusedWorkerIsDealtFromOnceItIsAnotherProcess()
    {
        ledger.Enroll("a", "one", "h", 2, []);
        ledger.Ask(Ask("j", 1, 1) with { Avoid = [new RefusedWorker("a", "one")] });
        Assert.Empty(ledger.Deal());
        ledger.Enroll("a", "two", "h", 2, []);
        Assert.Equal("a", Assert.Single(Assert.Single(ledger.Deal()).Seats).WorkerId);
    }

    private static SlotAsk Ask(string job, int need, int max, long first = 1, bool growth = false) => new(job, first, need, max, growth, []);
}
