using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker.Tests;

/// <summary>What this assembly does when an agent starts it as a rank: a rank without tensors, well behaved or not.</summary>
internal static class FakeRank
{
    /// <summary>Reports ready, a step when formed, a proposal; answers a verdict with a warning; stops when told to.</summary>
    public const string Obedient = "obedient";

    /// <summary>Reports ready and then minds nothing.</summary>
    public const string Deaf = "deaf";

    /// <summary>Reports ready and gives signs of life, in the reduce phase of step 12.</summary>
    public const string Beating = "beating";

    /// <summary>Says that it failed for good, and ends.</summary>
    public const string Failing = "failing";

    /// <summary>Ends with a line on standard error and exit code 3.</summary>
    public const string Crashing = "crashing";

    /// <summary>Writes what is not a report and goes on running.</summary>
    public const string Babbling = "babbling";

    /// <summary>Says that it finished, and goes on running.</summary>
    public const string Lingering = "lingering";

    /// <summary>The program of an agent whose ranks behave in one of these ways.</summary>
    public static RankProgram Program(string behaviour) => new("dotnet", [typeof(FakeRank).Assembly.Location, behaviour]);

    public static int Main(string[] arguments)
    {
        ProcessControl.DieWithParent(int.Parse(Environment.GetEnvironmentVariable(RankHost.AgentVariable)!, CultureInfo.InvariantCulture));
        var output = Console.OpenStandardOutput();
        using var pipe = new MessagePipe<RankCommand, RankReport>(Console.OpenStandardInput(), output);
        var start = pipe.Read()!.Start;
        switch (arguments[0])
        {
            case Obedient:
                return Obey(start, pipe);
            case Deaf:
                pipe.TryWrite(Ready(start));
                break;
            case Beating:
                pipe.TryWrite(Ready(start));
                while (pipe.TryWrite(new RankReport { Alive = new RankAlive { Phase = "reduce", Step = 12 } }))
                    Thread.Sleep(50);
                break;
            case Failing:
                pipe.TryWrite(new RankReport { Failure = new RankFailure { Error = "Row group 7 has 0 rows.", Fatal = true } });
                return 1;
            case Crashing:
                Console.Error.WriteLine("first line");
                Console.Error.WriteLine("terminate called after throwing an instance of 'c10::Error'");
                return 3;
            case Babbling:
                output.Write("a line that a library printed, longer than the ninety-seven bytes that its first letter would promise\n"u8);
                output.Flush();
                break;
            case Lingering:
                pipe.TryWrite(new RankReport { Finished = new RankFinished { JobId = start.JobId, Member = start.Member, Outcome = RankOutcome.Completed } });
                break;
        }

        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static int Obey(RankStart start, MessagePipe<RankCommand, RankReport> pipe)
    {
        pipe.TryWrite(Ready(start));
        if (start.Joining)
            pipe.TryWrite(new RankReport { CaughtUp = new RankCaughtUp { JobId = start.JobId, Member = start.Member, Step = 12 } });
        FormGeneration form = new();
        while (pipe.Read() is { } command)
        {
            switch (command.KindCase)
            {
                case RankCommand.KindOneofCase.Form:
                    form = command.Form;
                    pipe.TryWrite(new RankReport { Progress = new RankProgress { JobId = start.JobId, Generation = form.Generation, Member = start.Member, Step = 1, Phase = "training" } });
                    pipe.TryWrite(new RankReport { Checkpoint = new CheckpointProposal { Generation = form.Generation, Step = 1, Attempt = 1 } });
                    break;
                case RankCommand.KindOneofCase.CheckpointDecision:
                    pipe.TryWrite(new RankReport { Warning = new RankWarning { JobId = start.JobId, Generation = form.Generation, Member = start.Member, Code = "KD-TEST", Text = $"verdict {command.CheckpointDecision.Seq}" } });
                    break;
                case RankCommand.KindOneofCase.Donate:
                    pipe.TryWrite(new RankReport { Warning = new RankWarning { JobId = start.JobId, Member = start.Member, Code = "KD-TEST", Text = $"donation to {command.Donate.Joiner}" } });
                    break;
                case RankCommand.KindOneofCase.Stop:
                    pipe.TryWrite(new RankReport { Finished = new RankFinished { JobId = start.JobId, Member = start.Member, Step = 1, Outcome = RankOutcome.Stopped } });
                    return 0;
            }
        }

        return 1;
    }

    private static RankReport Ready(RankStart start)
        => new() { Ready = new RankReady { JobId = start.JobId, Member = start.Member, Endpoint = "127.0.0.1:1", ProcessId = Environment.ProcessId } };
}
