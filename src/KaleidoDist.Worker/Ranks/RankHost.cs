using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Training;

namespace KaleidoDist.Worker;

/// <summary>
/// The rank process: prepares the model, reports ready, joins its generation's mesh, trains, says how it ended. The calling thread is
/// the rank thread: it alone touches tensors.
/// </summary>
public static class RankHost
{
    /// <summary>Environment variable in which an agent tells its ranks its process id.</summary>
    internal const string AgentVariable = "KALEIDO_AGENT_PID";

    private static readonly TimeSpan WitnessDelay = TimeSpan.FromSeconds(1);

    // Peers may still load their weights; the coordinator gives up on a generation long before this.
    private static readonly TimeSpan FormLimit = TimeSpan.FromMinutes(10);

    /// <summary>Runs the rank that the agent at the other end of standard input orders; returns the exit code.</summary>
    public static int Run(TimeProvider time)
    {
        BindToAgent();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ignore);
        using var pipe = new MessagePipe<RankCommand, RankReport>(Console.OpenStandardInput(), Console.OpenStandardOutput());
        // Standard output carries reports; whatever else is printed belongs in the log.
        Console.SetOut(Console.Error);
        if (pipe.Read()?.Start is not { } start)
        {
            Console.Error.WriteLine("The rank got no order to start; 'kaleido rank' is run by a worker agent, not by hand.");
            return (int)ExitCode.Usage;
        }

        try
        {
            var outcome = Train(start, pipe, time);
            pipe.TryWrite(new RankReport { Finished = Finished(start, outcome.End, outcome.Step) });
            return (int)ExitCode.Done;
        }
        catch (Exception error)
        {
            // A peer's end is told first by the agent that saw it happen; what survivors noticed of it comes second.
            if (error is CollectiveException)
                Thread.Sleep(WitnessDelay);
            var (fatal, text) = Judge(error);
            Console.Error.WriteLine(error is KaleidoException ? text : error.ToString());
            pipe.TryWrite(new RankReport { Failure = new RankFailure { Error = text, Fatal = fatal } });
            return (int)ExitCode.Failed;
        }
    }

    private static (TrainingEnd End, long Step) Train(RankStart start, MessagePipe<RankCommand, RankReport> pipe, TimeProvider time)
    {
        var spec = JobSpec.FromJson(start.SpecJson);
        var key = new RankKey(start.JobId, start.Generation, start.Rank);
        var port = new RankPort(key, pipe);
        var formed = new TaskCompletionSource<FormGeneration>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leaving = new CancellationTokenSource();
        // SIGTERM asks this rank to leave; the request travels in the step's reduction, so all stop at one border.
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            port.RequestStop();
        });
        new Thread(() => ReadOrders(pipe, port, formed)) { IsBackground = true, Name = "orders" }.Start();

        LoadLibtorch();
        TorchRuntime.SetThreads(spec.Workers.ThreadsPerRank);
        var setup = new TrainerSetup
        {
            Spec = spec,
            JobId = start.JobId,
            Train = Contracts.DatasetManifest.FromProto(start.Train),
            Validation = start.Validation is null ? null : Contracts.DatasetManifest.FromProto(start.Validation),
            RunDirectory = start.RunDirectory,
            ResumeSeq = start.ResumeSeq,
            StopAfterStep = start.StopAfterStep,
        };
        using var listener = DataPlaneListener.Bind(IPAddress.Parse(start.BindAddress));
        using var state = ReplicaState.Create(setup);
        pipe.TryWrite(new RankReport { Ready = Ready(start, listener, state, setup) });
        var hosted = VirtualRankRange.Of(start.Rank, start.WorldSize, spec.Training.VirtualRanks);
        Log($"rank {start.Rank} of {start.WorldSize}, generation {start.Generation}, process {Environment.ProcessId}: libtorch {TorchRuntime.Version} on {state.Device.type}, {spec.Workers.ThreadsPerRank} threads, {state.Parameters.Layout.ParameterCount:N0} parameters, virtual ranks {hosted.First} to {hosted.End - 1}");

        var members = Await(formed.Task, start);
        port.EnterPhase("forming", state.Step);
        var membership = new Membership(start.JobId, start.Generation, [.. members.Members.OrderBy(m => m.Rank).Select(m => new Contracts.RankMember(m.Rank, m.WorkerId, m.Host, m.Endpoint))], start.SessionKey.Memory);
        using var collective = Collective.Form(membership, start.Rank, listener, new CollectiveOptions { VirtualRankCount = spec.Training.VirtualRanks }, leaving.Token);
        using var trainer = new Trainer(setup, state, collective, port, time);
        Log($"formed with {membership.WorldSize} ranks; steps {state.Step + 1} to {setup.LastStep} of {setup.TotalSteps}");
        var end = trainer.Run();
        Log($"{(end == TrainingEnd.Completed ? "completed" : "stopped")} at step {state.Step}");
        return (end, state.Step);
    }

    /// <summary>Without libtorch no try on this machine can succeed: the job fails at once.</summary>
    private static void LoadLibtorch()
    {
        try
        {
            TorchRuntime.Initialize();
        }
        catch (KaleidoException error)
        {
            throw KaleidoException.Usage(error.Message, error);
        }
    }

    private static void ReadOrders(MessagePipe<RankCommand, RankReport> pipe, RankPort port, TaskCompletionSource<FormGeneration> formed)
    {
        while (pipe.Read() is { } command)
        {
            switch (command.KindCase)
            {
                case RankCommand.KindOneofCase.Form:
                    formed.TrySetResult(command.Form);
                    break;
                case RankCommand.KindOneofCase.Stop:
                    port.RequestStop();
                    break;
                case RankCommand.KindOneofCase.CheckpointDecision:
                    port.Decide(command.CheckpointDecision);
                    break;
            }
        }

        // The agent is gone: a rank without an agent has no generation.
        Environment.Exit((int)ExitCode.Failed);
    }

    private static FormGeneration Await(Task<FormGeneration> formed, RankStart start)
    {
        if (!formed.Wait(FormLimit))
            throw new KaleidoException($"Generation {start.Generation} did not form within {FormLimit.TotalMinutes:0} minutes; expected word from the coordinator. Look at 'kaleido status {start.JobId}'.", ExitCode.Resumable);
        return formed.Result;
    }

    private static RankReady Ready(RankStart start, DataPlaneListener listener, ReplicaState state, TrainerSetup setup)
    {
        return new RankReady
        {
            JobId = start.JobId, Generation = start.Generation, Rank = start.Rank, Endpoint = listener.EndpointAt(start.BindAddress),
            ProcessId = Environment.ProcessId, ParameterCount = state.Parameters.Layout.ParameterCount,
            TotalSteps = setup.TotalSteps, StepsPerEpoch = setup.StepsPerEpoch,
        };
    }

    private static RankFinished Finished(RankStart start, TrainingEnd end, long step) => new()
    {
        JobId = start.JobId, Generation = start.Generation, Rank = start.Rank, Step = step,
        Outcome = end == TrainingEnd.Completed ? RankOutcome.Completed : RankOutcome.Stopped,
    };

    /// <summary>Errors of what was asked for (data, specification, checkpoint) come back on every try; lost peers and damaged files do not.</summary>
    private static (bool Fatal, string Text) Judge(Exception error) => error switch
    {
        KaleidoException known => (known.ExitCode == ExitCode.Usage, known.Message),
        _ => (false, $"{error.GetType().Name}: {error.Message}".ReplaceLineEndings(" ")),
    };

    private static void BindToAgent()
    {
        if (Environment.GetEnvironmentVariable(AgentVariable) is { } agent)
            ProcessControl.DieWithParent(int.Parse(agent, CultureInfo.InvariantCulture));
    }

    /// <summary>A line of the rank's log: standard error, which the agent forwards.</summary>
    private static void Log(string line) => Console.Error.WriteLine(line);

    private static void Ignore(PosixSignalContext context) => context.Cancel = true;
}
