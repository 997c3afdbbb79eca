using System.Net;
using System.Runtime.ExceptionServices;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>Several ranks of one job as threads of this process, connected over loopback.</summary>
internal static class LoopbackWorld
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Trains with <paramref name="worldSize"/> ranks; the hash of weights and moments, which all ranks share.</summary>
    public static ulong Train(MicroTraining training, int worldSize, RecordingPort port, Func<ICollective, ICollective>? through = null)
    {
        var hashes = new ulong[worldSize];
        var turn = new Lock();
        var ports = Ports(port, worldSize);
        Run(training, worldSize, (rank, collective) =>
        {
            using var state = ReplicaState.Create(training.Setup);
            var own = new TurnTakingPort(ports[rank], turn);
            using var trainer = new Trainer(training.Setup, state, through?.Invoke(collective) ?? collective, own, TimeProvider.System);
            trainer.Run();
            hashes[rank] = state.ReplicaHash();
        });
        Assert.All(hashes, hash => Assert.Equal(hashes[0], hash));
        return hashes[0];
    }

    /// <summary>The given port, for rank 0, and one for each other rank: what it answers to a shard of any rank, all of them hear.</summary>
    public static RecordingPort[] Ports(RecordingPort port, int worldSize)
    {
        RecordingPort[] ports = [port, .. Enumerable.Range(1, worldSize - 1).Select(_ => new RecordingPort { OnPropose = port.OnPropose })];
        foreach (var one in ports)
            one.Peers = [.. ports.Where(other => other != one)];
        return ports;
    }

    /// <summary>Runs a body on every rank; the first error of any rank is thrown.</summary>
    public static void Run(MicroTraining training, int worldSize, Action<int, ICollective> body)
    {
        var listeners = Enumerable.Range(0, worldSize).Select(_ => DataPlaneListener.Bind(IPAddress.Loopback)).ToArray();
        var membership = new Membership(
            "micro", 1, [.. listeners.Select((listener, rank) => new Contracts.RankMember(rank, "worker", "host", listener.EndpointAt("127.0.0.1")))], new byte[32]);
        var options = new CollectiveOptions { VirtualRankCount = training.Setup.Spec.Training.VirtualRanks };
        var errors = new Exception?[worldSize];
        var threads = Enumerable.Range(0, worldSize).Select(rank => new Thread(() =>
        {
            try
            {
                TorchRuntime.SetThreads(1);
                using var collective = Collective.Form(membership, rank, listeners[rank], options, CancellationToken.None);
                body(rank, collective);
            }
            catch (Exception error)
            {
                errors[rank] = error;
            }
        }) { IsBackground = true }).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Assert.All(threads, thread => Assert.True(thread.Join(Patience), $"A rank did not end within {Patience}."));
        Array.ForEach(listeners, listener => listener.Dispose());
        // The peers' loss follows from what one rank threw: that is the news.
        if (errors.OfType<Exception>().OrderBy(error => error is CollectiveException).FirstOrDefault() is { } news)
            ExceptionDispatchInfo.Throw(news);
    }

    /// <summary>
    /// Lets one rank compute or evaluate at a time: libtorch's default generator, which dropout draws from, and TorchSharp's custom functions belong to the
    /// process, and here the ranks share one.
    /// </summary>
    private sealed class TurnTakingPort(RecordingPort inner, Lock turn) : ITrainingPort
    {
        private bool hasTurn;

        public bool StopRequested => inner.StopRequested;

        public bool PartRequested => inner.PartRequested;

        public DonateState? TakeDonation() => inner.TakeDonation();

        public void EnterPhase(string phase, long step)
        {
            // From forward to backward it is the same computation.
            if (hasTurn && phase == "backward")
                return;
            if (hasTurn)
                turn.Exit();
            hasTurn = phase is "forward" or "evaluation";
            if (hasTurn)
                turn.Enter();
        }

        public void ReportStep(long step, StepTimes times, StepMetrics? metrics) => inner.ReportStep(step, times, metrics);

        public void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics) => inner.ReportValidation(step, metrics);

        public void Warn(string code, string text) => inner.Warn(code, text);

        public void Log(string line) => inner.Log(line);

        public void Propose(CheckpointProposal proposal) => inner.Propose(proposal);

        public CheckpointDecision? AwaitDecision(TimeSpan limit) => inner.AwaitDecision(limit);
    }
}
