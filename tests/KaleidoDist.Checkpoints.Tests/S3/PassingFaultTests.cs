using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A store that fails once and is well again: nobody notices (RELIABILITY fault 24). Every test asserts that its fault happened.</summary>
public sealed class PassingFaultTests : IAsyncLifetime
{
    private readonly BucketRun bucket = new();

    public Task InitializeAsync() => bucket.InitializeAsync();

    public Task DisposeAsync() => bucket.DisposeAsync();

    /// <summary>Each kind of request of a save and a commit, and each way to fail once and then be well.</summary>
    public static TheoryData<string, S3FaultKind, int, string> Passing()
    {
        var data = new TheoryData<string, S3FaultKind, int, string>();
        foreach (var operation in new[] { "PUT data/", "BEGIN", "PART", "COMPLETE", "HEAD", "GET", "LIST", "PART tmp/", "PUT log/", "DELETE tmp/" })
        {
            data.Add(operation, S3FaultKind.Refuse, 500, "InternalError");
            data.Add(operation, S3FaultKind.Refuse, 503, "SlowDown");
            data.Add(operation, S3FaultKind.LoseAnswer, 0, "");
        }

        foreach (var operation in new[] { "PART", "PUT log/", "LIST" })
            data.Add(operation, S3FaultKind.Hang, 0, "");
        data.Add("GET", S3FaultKind.CutBody, 0, "");
        return data;
    }

    [Theory]
    [MemberData(nameof(Passing))]
    public void AFaultThatPassesIsNotNoticed(string operation, S3FaultKind kind, int status, string code)
    {
        var fault = bucket.Server.Inject(new S3Fault(operation, kind) { Status = status, Code = code });

        var manifest = Run(kind).Save(10);

        Assert.Equal(1, fault.Fired);
        Assert.Equal((1, 10), (manifest.Seq, manifest.Step));
        // An upload whose beginning was not heard of cannot be given up: it is removed a day later.
        bucket.AssertOnlyCheckpoint(manifest, uploadsLeft: (operation, kind) == ("BEGIN", S3FaultKind.LoseAnswer) ? 1 : 0);
    }

    /// <summary>Who waits for a store that does not answer is given less patience.</summary>
    private Run Run(S3FaultKind kind) => kind == S3FaultKind.Hang ? new Run(BucketRun.Root, bucket.Connect(TimeSpan.FromSeconds(1.5))) : bucket.Run;
}
