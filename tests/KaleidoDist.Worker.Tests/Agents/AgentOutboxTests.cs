using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

public sealed class AgentOutboxTests
{
    [Fact]
    public async Task WhenNobodyListensTheNewestMessagesAreKept()
    {
        var outbox = new AgentOutbox();
        for (var step = 1; step <= 10_000; step++)
            outbox.Post(new WorkerMessage { RankProgress = new RankProgress { Step = step } });
        var steps = new List<long>();
        await foreach (var message in outbox.ReadAllAsync(CancellationToken.None))
        {
            steps.Add(message.RankProgress.Step);
            if (message.RankProgress.Step == 10_000)
                break;
        }

        Assert.Equal(Enumerable.Range(10_001 - steps.Count, steps.Count).Select(step => (long)step), steps);
        Assert.InRange(steps.Count, 1, 4096);
    }

    [Fact]
    public void OptionsOutOfRangeAreRefused()
    {
        var options = new WorkerOptions { Coordinators = [new Uri("http://127.0.0.1:1")], RankProgram = new RankProgram("true", []), Slots = 0 };
        Assert.Contains("--slots is 0", Assert.Throws<Contracts.KaleidoException>(options.Validate).Message, StringComparison.Ordinal);
        Assert.Throws<Contracts.KaleidoException>((options with { Slots = 1, Coordinators = [] }).Validate);
    }
}
