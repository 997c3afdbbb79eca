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
/// The rank process: prepares the model, reports ready, goes through the generations it is a member of, says how it ended. The calling
/// thread is the rank thread: it alone touches tensors.
/// </summary>
public static class RankHost
{
    /// <summary>Environment variable in which an agent tells its ranks its process id.</summary>
    internal const string AgentVariable = "KALEIDO_AGENT_PID";

    /// <summary>Runs the rank that the agent at the other end of standard input orders; returns the exit code.</summary>
    public static int Run(TimeProvider time)
    {
        BindToAgent();
        // Both reach whole process groups and services; the agent gets them too, and says which ranks leave and when.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ignore);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ignore);
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
            var finished = Live(start, pipe, time);
            pipe.TryWrite(new RankReport { Finished = finished });
            return (int)ExitCode.Done;
        }
        catch (Exception error)
        {
            var (fatal, text) = Judge(error);
            Console.Error.WriteLine(error is KaleidoException ? text : error.ToString());
            pipe.TryWrite(new RankReport { Failure = new RankFailure { Error = text, Fatal = fatal } });
            return (int)ExitCode.Failed;
        }
    }

    private static RankFinished Live(RankStart start, MessagePipe<RankCommand, RankReport> pipe, TimeProvider time)
    {
        var spec = JobSpec.FromJson(start.SpecJson);
        var port = new RankPort(start.JobId, start.Member, pipe);
        new Thread(() => ReadOrders(pipe, port)) { IsBackground = true, Name = "orders" }.Start();
        port.BeginBeating();

        LoadLibtorch();
        TorchRuntime.SetThreads(spec.Workers.ThreadsPerRank);
        var setup = new TrainerSetup
        {
            Spec = spec,
            JobId = start.JobId,
            Train = Contracts.DatasetManifest.FromProto(start.Train),
            Validation = start.Validation is null ? null : Contracts.DatasetManifest.FromProto(start.Validation),
            ResumeSeq = start.ResumeSeq,
            StopAfterStep = start.StopAfterStep,
        };
        using var listener = DataPlaneListener.Bind(IPAddress.Parse(start.BindAddress));
        using var work = Work(start, setup, time);
        port.ReportReady(Ready(start, listener, work), listener);
        port.Log($"member {start.Member} is ready, process {Environment.ProcessId}: libtorch {TorchRuntime.Version}, {spec.Workers.ThreadsPerRank} threads");
        foreach (var line in work.Description)
            port.Log(line);
        var outcome = new RankGenerations(setup, start, work, listener, port, time).Run();
        port.Log($"{outcome.ToString().ToLowerInvariant()} at step {work.Step}");
        return new RankFinished { JobId = start.JobId, Member = start.Member, Outcome = outcome, Step = work.Step, EarlyEnd = work.EarlyEnd };
    }

    private static IRankWork Work(RankStart start, TrainerSetup setup, TimeProvider time)
    {
        if (setup.Spec.Extract is not null)
            return new ExtractionWork(setup, time);
        return start.Joining ? TrainingWork.Join(setup, time) : TrainingWork.Begin(setup, time);
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

    private static void ReadOrders(MessagePipe<RankCommand, RankReport> pipe, RankPort port)
    {
        while (pipe.Read() is { } command)
        {
            switch (command.KindCase)
            {
                case RankCommand.KindOneofCase.Form:
                    port.Form(command.Form);
                    break;
                case RankCommand.KindOneofCase.Donate:
                    port.Donate(command.Donate);
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

    private static RankReady Ready(RankStart start, DataPlaneListener listener, IRankWork work)
    {
        var ready = new RankReady
        {
            JobId = start.JobId, Member = start.Member, Endpoint = listener.EndpointAt(start.BindAddress), ProcessId = Environment.ProcessId,
            ParameterCount = work.ParameterCount, TotalSteps = work.TotalSteps, StepsPerEpoch = work.StepsPerEpoch,
        };
        foreach (var (name, value) in work.Environment)
            ready.Environment[name] = value;
        return ready;
    }

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

    private static void Ignore(PosixSignalContext context) => context.Cancel = true;
}
