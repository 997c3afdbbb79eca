using System.IO.Pipes;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

public sealed class MessagePipeTests
{
    [Fact]
    public void MessagesArriveWholeAndInOrder()
    {
        var bytes = new MemoryStream();
        using var writer = new MessagePipe<RankCommand, RankReport>(Stream.Null, bytes);
        Assert.True(writer.TryWrite(Warning("one")));
        Assert.True(writer.TryWrite(Warning(new string('x', 200_000))));
        Assert.True(writer.TryWrite(new RankReport()));

        using var reader = Reader(bytes.ToArray());
        Assert.Equal("one", reader.Read()!.Warning.Text);
        Assert.Equal(200_000, reader.Read()!.Warning.Text.Length);
        Assert.Equal(RankReport.KindOneofCase.None, reader.Read()!.KindCase);
        Assert.Null(reader.Read());
    }

    [Fact]
    public async Task WritersOfManyThreadsDoNotMixTheirBytes()
    {
        const int Threads = 4, Each = 500;
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        using var client = new AnonymousPipeClientStream(PipeDirection.In, server.ClientSafePipeHandle);
        using var writer = new MessagePipe<RankCommand, RankReport>(Stream.Null, server);
        using var reader = new MessagePipe<RankReport, RankCommand>(client, Stream.Null);
        var writing = Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < Each; number++)
                Assert.True(writer.TryWrite(Warning($"{thread} {number}")));
        })));

        var last = Enumerable.Repeat(-1, Threads).ToArray();
        for (var i = 0; i < Threads * Each; i++)
        {
            var words = reader.Read()!.Warning.Text.Split(' ').Select(int.Parse).ToArray();
            Assert.Equal(last[words[0]] + 1, words[1]);
            last[words[0]] = words[1];
        }

        await writing;
    }

    [Fact]
    public void AClosedOtherEndIsTheEndOfReadingAndOfWriting()
    {
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        var client = new AnonymousPipeClientStream(PipeDirection.In, server.ClientSafePipeHandle);
        using var writer = new MessagePipe<RankCommand, RankReport>(Stream.Null, server);
        client.Dispose();
        Assert.False(writer.TryWrite(Warning("nobody reads this")));

        using var reader = Reader([]);
        Assert.Null(reader.Read());
    }

    [Fact]
    public void AMessageThatTheOtherSideDidNotFinishIsTheEnd()
    {
        var bytes = new MemoryStream();
        using var writer = new MessagePipe<RankCommand, RankReport>(Stream.Null, bytes);
        writer.TryWrite(Warning("torn"));
        for (var length = 1; length < bytes.Length; length++)
        {
            using var reader = Reader(bytes.ToArray()[..length]);
            Assert.Null(reader.Read());
        }
    }

    [Fact]
    public void WhatIsNotAMessageIsRefusedAndNotTakenForTheEnd()
    {
        // A text: 'a' is a length of 97, what follows is no message of that length.
        var text = System.Text.Encoding.ASCII.GetBytes("a line that a library printed, longer than the ninety-seven bytes that its first letter would promise");
        using var reader = Reader(text);
        Assert.Throws<InvalidDataException>(() => reader.Read());

        // A field that claims more bytes than its message has.
        using var torn = Reader([3, 0x22, 0x7f, 0x00]);
        Assert.Throws<InvalidDataException>(() => torn.Read());
    }

    [Theory]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff, 0x0f })]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 })]
    [InlineData(new byte[] { 0x81, 0x80, 0x80, 0x80, 0x01 })]
    public void ALengthBeyondTheBoundIsRefusedBeforeMemoryIsTakenForIt(byte[] length)
    {
        using var reader = Reader(length);
        Assert.Throws<InvalidDataException>(() => reader.Read());
    }

    [Fact]
    public void AMessageAfterTheEndIsNotWrittenWhateverTheStreamWouldThrow()
    {
        // A console's stream says NotSupportedException once it is closed.
        var writer = new MessagePipe<RankCommand, RankReport>(Stream.Null, new MemoryStream(new byte[100], writable: true));
        Assert.True(writer.TryWrite(Warning("one")));
        writer.Dispose();
        Assert.False(writer.TryWrite(Warning("two")));
    }

    [Fact]
    public async Task AReaderWhoseStreamIsClosedUnderItSeesTheEndWhateverTheStreamThrows()
    {
        var stream = new ThrowsWhenClosed();
        var pipe = new MessagePipe<RankReport, RankCommand>(stream, Stream.Null);
        var reading = Task.Run(pipe.Read);
        await stream.IsRead.Task;
        pipe.Dispose();
        Assert.Null(await reading);
    }

    /// <summary>A stream whose reader waits until it is closed, and then finds nothing where something was.</summary>
    private sealed class ThrowsWhenClosed : MemoryStream
    {
        private readonly ManualResetEventSlim closed = new();

        public TaskCompletionSource IsRead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override int Read(byte[] buffer, int offset, int count)
        {
            IsRead.TrySetResult();
            closed.Wait();
            throw new NullReferenceException();
        }

        public override int Read(Span<byte> buffer) => Read([], 0, 0);

        protected override void Dispose(bool disposing) => closed.Set();
    }

    private static RankReport Warning(string text) => new() { Warning = new RankWarning { Text = text } };

    private static MessagePipe<RankReport, RankCommand> Reader(byte[] bytes) => new(new MemoryStream(bytes), Stream.Null);
}
