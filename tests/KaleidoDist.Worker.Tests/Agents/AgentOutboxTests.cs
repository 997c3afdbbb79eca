using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

public sealed class AgentOutboxTests
{
    private const int Capacity = 4096;

    [Fact]
    public async Task MessagesComeOutInOrder()
    {
        var outbox = new AgentOutbox();
        for (var step = 1; step <= 3; step++)
            outbox.Post(Progress(step));
        Assert.Equal([1L, 2L, 3L], await Take(outbox, 3));
    }

    [Fact]
    public async Task AFullOutboxLosesItsOldestMessages()
    {
        var outbox = new AgentOutbox();
        for (var step = 1; step <= Capacity + 10; step++)
            outbox.Post(Progress(step));
        Assert.Equal(Enumerable.Range(11, Capacity).Select(step => (long)step), await Take(outbox, Capacity));
    }

    [Fact]
    public async Task AClearedOutboxHasOnlyWhatCameAfter()
    {
        var outbox = new AgentOutbox();
        outbox.Post(Progress(1));
        outbox.Clear();
        outbox.Post(Progress(2));
        Assert.Equal([2L], await Take(outbox, 1));
    }

    private static WorkerMessage Progress(long step) => new() { RankProgress = new RankProgress { Step = step } };

    private static async Task<List<long>> Take(AgentOutbox outbox, int count)
    {
        var steps = new List<long>();
        await foreach (var message in outbox.ReadAllAsync(CancellationToken.None))
        {
            steps.Add(message.RankProgress.Step);
            if (steps.Count == count)
                break;
        }

        return steps;
    }
}
