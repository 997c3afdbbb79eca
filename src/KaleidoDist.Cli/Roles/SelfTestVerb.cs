using System.CommandLine;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido selftest</c>: whether this installation can train.</summary>
internal static class SelfTestVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("selftest", """
            Checks this installation: ICU, libtorch, its kernels against known results.

            Prints which libtorch is used. Environment variable KALEIDO_LIBTORCH names a folder with another one (2.10.x);
            KALEIDO_LIBTORCH_FORCE=1 tries any version.

            Example:
              kaleido selftest
            """);
        return command.Does(context, async (_, _) =>
        {
            IcuCheck.Verify();
            TorchRuntime.Initialize();
            var report = TorchRuntime.SelfTest();
            await context.Output.WriteLineAsync($"libtorch {report.Version} in {report.Folder}, {report.Threads} threads, {report.CudaDevices} CUDA devices, stable ABI {(report.StableAbi ? "found" : "absent: the portable optimizer is used")}");
            foreach (var check in report.Checks)
                await context.Output.WriteLineAsync($"{(check.Passed ? "passed" : "FAILED")}  {check.Name} (error {check.Error:g3}, allowed {check.Allowed:g3})");
            return report.Passed ? ExitCode.Done : ExitCode.Failed;
        });
    }
}
