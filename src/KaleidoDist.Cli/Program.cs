using System.CommandLine;
using KaleidoDist.Cli;

var context = CommandContext.OfProcess();
var root = new RootCommand("KaleidoDist: distributed pretraining that computes the same weights, bit for bit, on any number of workers.");

// A job on this machine.
root.Add(TrainVerb.Create(context));
root.Add(PlanVerb.Create(context));

// The roles of a cluster.
root.Add(CoordinatorVerb.Create(context));
root.Add(WorkerVerb.Create(context));
root.Add(RankVerb.Create());

// The users of a cluster: the public gRPC interface only.
foreach (var verb in ClientVerbs.Create(context))
    root.Add(verb);

// Data, checkpoints, and this installation.
root.Add(DataCommand.Create(InspectPicture.Save));
root.Add(CheckpointCommand.Create());
root.Add(FsckVerb.Create());
root.Add(SelfTestVerb.Create(context));
root.Add(BenchCommand.Create(context));

return await CommandLine.RunAsync(root, args);
