namespace KaleidoDist.Coordinator.Tests;

public sealed class SlotLedgerTests
{
    private readonly SlotLedger ledger = new();

    [Fact]
    public void AnAskIsMetWhenEnoughWorkersHaveCome()
    {
        ledger.Enroll("a", "h", 2, []);
        Assert.Null(ledger.Ask(new SlotAsk("j", 1, 3, 4)));
        Assert.Empty(ledger.Deal());
        ledger.Enroll("b", "h", 4, []);
        var grant = Assert.Single(ledger.Deal());
        Assert.Equal("b b b b", string.Join(' ', grant.Seats.Select(s => s.WorkerId)));
        Assert.Equal(2, ledger.Free);
    }

    [Fact]
    public void RanksOfAWorkerAreConsecutive()
    {
        ledger.Enroll("a", "h", 2, []);
        ledger.Enroll("b", "h", 3, []);
        ledger.Ask(new SlotAsk("j", 1, 1, 8));
        Assert.Equal("0b 1b 2b 3a 4a", string.Join(' ', Assert.Single(ledger.Deal()).Seats.Select(s => $"{s.Rank}{s.WorkerId}")));
    }

    [Fact]
    public void ASlotIsDealtAgainOnlyAfterItsProcessIsGone()
    {
        ledger.Enroll("a", "h", 1, []);
        ledger.Ask(new SlotAsk("j", 1, 1, 1));
        ledger.Deal();
        ledger.Ask(new SlotAsk("k", 1, 1, 1));
        Assert.Empty(ledger.Deal());
        ledger.Vacate("a", new SlotUse("j", 1, 0));
        Assert.Equal("k", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void ARepeatedAskIsAnsweredWithTheSameGrant()
    {
        ledger.Enroll("a", "h", 2, []);
        ledger.Ask(new SlotAsk("j", 1, 1, 1));
        var first = Assert.Single(ledger.Deal());
        var second = ledger.Ask(new SlotAsk("j", 1, 1, 1));
        Assert.Equal(first.Seats.AsEnumerable(), second!.Seats);
        Assert.Equal(1, ledger.Free);
    }

    [Fact]
    public void ASuspectWorkersSlotsAreNotDealt()
    {
        ledger.Enroll("a", "h", 2, []);
        ledger.Suspend("a");
        Assert.Equal(0, ledger.Free);
    }

    [Fact]
    public void AWorkerThatRegistersRunsExactlyWhatItSays()
    {
        ledger.Adopt("a", "h", [new SlotUse("j", 3, 0), new SlotUse("k", 1, 0)]);
        Assert.Equal("j k", string.Join(' ', ledger.JobsOn("a")));
        Assert.Equal(0, ledger.Free);
        ledger.Enroll("a", "h", 4, [new SlotUse("j", 3, 0)]);
        Assert.Equal("j", string.Join(' ', ledger.JobsOn("a")));
        Assert.Equal(3, ledger.Free);
    }

    [Fact]
    public void AskersAreServedInOrderButASmallOnePassesOneThatCannotBeMet()
    {
        ledger.Ask(new SlotAsk("big", 1, 8, 8));
        ledger.Ask(new SlotAsk("small", 1, 1, 1));
        ledger.Enroll("a", "h", 2, []);
        Assert.Equal("small", Assert.Single(ledger.Deal()).JobId);
    }

    [Fact]
    public void AReleasedGenerationHoldsNothing()
    {
        ledger.Enroll("a", "h", 2, []);
        ledger.Ask(new SlotAsk("j", 1, 1, 2));
        ledger.Deal();
        ledger.Release("j", 1);
        Assert.Equal(2, ledger.Free);
    }
}
