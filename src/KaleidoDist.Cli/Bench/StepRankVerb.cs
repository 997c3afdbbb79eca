using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Training;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench step-rank</c>: a rank of <c>kaleido bench step</c>. Not for people.</summary>
internal static class StepRankVerb
{
    /// <summary>Name of the verb.</summary>
    internal const string Name = "step-rank";

    /// <summary>The ways that are compared, in the order of their numbers.</summary>
    internal static readonly IReadOnlyList<(string Name, ReductionMode Reduction, bool Overlap)> Ways =
    [
        ("exact, overlap", ReductionMode.Exact, true), ("exact, in turn", ReductionMode.Exact, false),
        ("fast, overlap", ReductionMode.Fast, true), ("fast, in turn", ReductionMode.Fast, false),
    ];

    private static readonly Argument<string> Control = new("CONTROL");
    private static readonly Argument<int> Rank = new("RANK");
    private static readonly Argument<string> Address = new("ADDRESS");
    private static readonly Argument<CollectiveTransport> Transport = new("TRANSPORT");
    private static readonly Argument<string> Spec = new("SPEC");

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var command = new Command(Name, "A rank of 'bench step', which starts it.") { Control, Rank, Address, Transport, Spec };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            // As in 'kaleido rank': the rank thread owns all tensors.
            var thread = new Thread(() => Serve(
                parsed.GetRequiredValue(Control), parsed.GetRequiredValue(Rank), parsed.GetRequiredValue(Address), parsed.GetRequiredValue(Transport), JobSpec.FromJson(parsed.GetRequiredValue(Spec))),
                maxStackSize: 64 << 20);
            thread.Start();
            thread.Join();
            return 0;
        });
        return command;
    }

    private static void Serve(string control, int rank, string address, CollectiveTransport transport, JobSpec spec)
    {
        TorchRuntime.Initialize();
        TorchRuntime.SetThreads(spec.Workers.ThreadsPerRank);
        using var listener = DataPlaneListener.Bind(IPAddress.Parse(address));
        using var client = new TcpClient();
        client.Connect(IPEndPoint.Parse(control));
        using var reader = new StreamReader(client.GetStream());
        using var writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
        writer.WriteLine($"{rank} {listener.EndpointAt(address)}");
        var words = reader.ReadLine()!.Split(' ');
        ICollective Form(long generation, int leafCount)
            => Collective.Form(
                BenchRank.MembershipOf(Convert.FromHexString(words[1]), words[2..], generation), rank, listener, new CollectiveOptions { VirtualRankCount = leafCount, Transport = transport }, CancellationToken.None);

        // Both groups are open all the time, so that ways can take turns.
        using var exact = Form(generation: 1, spec.Training.VirtualRanks);
        using var fast = new FastCollective(Form(generation: 2, exact.WorldSize), spec.Training.VirtualRanks);
        using var probe = new StepProbe(spec, [.. Ways.Select(way => new StepWay(way.Name, way.Reduction == ReductionMode.Exact ? exact : fast, way.Overlap))], TimeProvider.System);
        writer.WriteLine($"{probe.GradientCount} {exact.Route}");
        while (reader.ReadLine() is { } line)
        {
            var times = probe.Run(int.Parse(line, CultureInfo.InvariantCulture));
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{times.Total.TotalSeconds:R} {times.Compute.TotalSeconds:R} {times.Reduce.TotalSeconds:R}"));
        }
    }
}
