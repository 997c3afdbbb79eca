using System.IO.Pipes;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

public sealed class MessagePipeTests
{
    [Fact]
    public async Task MessagesArriveInOrderAndWhole()
    {
        using var ends = new PipeEnds();
        var large = new RankReport { Failure = new RankFailure { Error = new string('x', 200_000) } };
        var writing = Task.Run(() =>
        {
            for (var step = 1; step <= 50; step++)
                ends.Rank.TryWrite(new RankReport { Progress = new RankProgress { Step = step } });
            ends.Rank.TryWrite(large);
        });
        for (var step = 1; step <= 50; step++)
            Assert.Equal(step, ends.Agent.Read()!.Progress.Step);
        Assert.Equal(large, ends.Agent.Read());
        await writing;
    }

    [Fact]
    public void AClosedEndReadsAsNullAndWritesAsFalse()
    {
        using var ends = new PipeEnds();
        ends.Rank.Dispose();
        Assert.Null(ends.Agent.Read());
        Assert.False(ends.Agent.TryWrite(new RankCommand { Stop = new RankStop() }) && ends.Agent.TryWrite(new RankCommand { Stop = new RankStop() }));
    }

    [Fact]
    public void AMessageCutShortIsTheEndNotAMessage()
    {
        using var whole = new MemoryStream();
        Google.Protobuf.MessageExtensions.WriteDelimitedTo(new RankReport { Failure = new RankFailure { Error = "something" } }, whole);
        using var pipe = new MessagePipe<RankReport, RankCommand>(new MemoryStream(whole.ToArray()[..5]), Stream.Null);
        Assert.Null(pipe.Read());
    }

    [Fact]
    public void WhatIsNotAMessageIsAnError()
    {
        using var pipe = new MessagePipe<RankReport, RankCommand>(new MemoryStream([1, 0x00]), Stream.Null);
        Assert.Throws<Google.Protobuf.InvalidProtocolBufferException>(pipe.Read);
    }

    /// <summary>An agent's and a rank's end of two anonymous pipes.</summary>
    private sealed class PipeEnds : IDisposable
    {
        private readonly AnonymousPipeServerStream down = new(PipeDirection.Out), up = new(PipeDirection.In);

        public PipeEnds()
        {
            Agent = new MessagePipe<RankReport, RankCommand>(up, down);
            Rank = new MessagePipe<RankCommand, RankReport>(
                new AnonymousPipeClientStream(PipeDirection.In, down.ClientSafePipeHandle), new AnonymousPipeClientStream(PipeDirection.Out, up.ClientSafePipeHandle));
        }

        public MessagePipe<RankReport, RankCommand> Agent { get; }

        public MessagePipe<RankCommand, RankReport> Rank { get; }

        public void Dispose()
        {
            Rank.Dispose();
            Agent.Dispose();
        }
    }
}
