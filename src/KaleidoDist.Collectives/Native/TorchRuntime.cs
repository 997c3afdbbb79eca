using KaleidoDist.Contracts;
using TorchSharp;

namespace KaleidoDist.Collectives;

/// <summary>
/// libtorch in this process: the one built with the program, or the one of the folder that KALEIDO_LIBTORCH names (the lib folder of a
/// PyTorch or libtorch 2.10 installation). Call <see cref="Initialize"/> once, before anything touches TorchSharp.
/// </summary>
public static class TorchRuntime
{
    /// <summary>Environment variable that names a folder with an external libtorch.</summary>
    public const string FolderVariable = "KALEIDO_LIBTORCH";

    /// <summary>Environment variable that, set to 1, lets an external libtorch of another version through if it passes the checks.</summary>
    public const string ForceVariable = "KALEIDO_LIBTORCH_FORCE";

    // Below the program: see build/Libtorch.targets.
    private const string BundledFolder = "libtorch";

    private static readonly Lock Gate = new();
    private static TorchLibrary? library;

    /// <summary>Folder that libtorch was loaded from.</summary>
    public static string Folder => Library.Folder;

    /// <summary>Version of the loaded libtorch, such as 2.10.0; empty when the library does not say.</summary>
    public static string Version => Library.Version is { } version ? version.ToString(3) : "";

    /// <summary>Handle of libtorch_cpu; loads libtorch if nobody has.</summary>
    internal static nint TorchCpu => Library.TorchCpu;

    private static TorchLibrary Library
    {
        get
        {
            Initialize();
            return library!;
        }
    }

    /// <summary>Loads libtorch. Later calls do nothing.</summary>
    /// <exception cref="KaleidoException">It cannot be loaded, or is of a version that TorchSharp was not built for.</exception>
    public static void Initialize()
    {
        lock (Gate)
        {
            if (library is not null)
                return;
            var external = Environment.GetEnvironmentVariable(FolderVariable);
            var force = Environment.GetEnvironmentVariable(ForceVariable) == "1";
            var folder = string.IsNullOrEmpty(external) ? Path.Combine(AppContext.BaseDirectory, BundledFolder) : Path.GetFullPath(external);
            library = TorchLibrary.Load(folder, AppContext.BaseDirectory, force);
            if (!library.IsExpectedVersion)
                SelfTest().ThrowIfFailed();
        }
    }

    /// <summary>
    /// The environment a rank process must be started with so that equal inputs give equal bits on CPUs of different generations:
    /// the variables are read once, when libtorch and MKL start.
    /// </summary>
    /// <param name="threads">Intra-op threads of the rank, at least 1.</param>
    public static IReadOnlyDictionary<string, string> ExactEnvironment(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        return new Dictionary<string, string>
        {
            ["ATEN_CPU_CAPABILITY"] = "avx2",
            ["MKL_CBWR"] = "AVX2",
            ["ONEDNN_MAX_CPU_ISA"] = "AVX2",
            ["MKL_NUM_THREADS"] = $"{threads}",
            ["OMP_NUM_THREADS"] = $"{threads}",
            ["MKL_DYNAMIC"] = "FALSE",
            ["OMP_DYNAMIC"] = "FALSE",
        };
    }

    /// <summary>
    /// Sets the intra-op threads of the calling thread, part of what exact results depend on. Call it on the rank thread, before its
    /// first tensor.
    /// </summary>
    public static void SetThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Initialize();
        torch.set_num_threads(threads);
    }

    /// <summary>Runs small computations with known results through the parts of libtorch that training stands on.</summary>
    public static TorchReport SelfTest() => TorchReport.Run(Version, Folder);
}
