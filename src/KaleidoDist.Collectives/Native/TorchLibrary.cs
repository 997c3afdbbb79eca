using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>The libtorch of this process, once loaded.</summary>
/// <param name="Folder">Where its files are.</param>
/// <param name="TorchCpu">Handle of libtorch_cpu.</param>
/// <param name="Version">Its version, or null if it does not say (before 2.9).</param>
internal sealed unsafe record TorchLibrary(string Folder, nint TorchCpu, Version? Version)
{
    private const string CoreFile = "libtorch_cpu.so", BindingsFile = "libLibTorchSharp.so";

    // libLibTorchSharp.so depends on class layouts of the libtorch it was compiled against, not only on names.
    private static readonly Version Expected = new(2, 10);

    // In the order of their dependencies.
    private static readonly (string File, bool Required)[] Files =
        [("libc10.so", true), (CoreFile, true), ("libc10_cuda.so", false), ("libtorch_cuda.so", false), ("libtorch.so", true)];

    /// <summary>Whether TorchSharp was built for this version.</summary>
    public bool IsExpectedVersion => Version is { } version && version.Major == Expected.Major && version.Minor == Expected.Minor;

    /// <summary>Loads libtorch, then TorchSharp's bindings, which find it by SONAME.</summary>
    /// <param name="folder">libtorch's lib folder: the one below the program, or another.</param>
    /// <param name="programFolder">Where the bindings are.</param>
    /// <param name="force">Whether another version than the bindings were compiled against may pass if no symbol is missing.</param>
    public static TorchLibrary Load(string folder, string programFolder, bool force)
    {
        if (!File.Exists(Path.Combine(folder, CoreFile)))
        {
            throw new KaleidoException($"libtorch is missing: found no {CoreFile} in '{folder}'. " +
                $"Build the program again, or let {TorchRuntime.FolderVariable} name a folder with libtorch {Expected}.");
        }

        nint core = 0, last = 0;
        foreach (var (file, required) in Files)
        {
            if (!required && !File.Exists(Path.Combine(folder, file)))
                continue;
            last = LoadFile(folder, file);
            if (file != CoreFile)
                continue;
            core = last;
            if (!force)
                RequireVersion(VersionOf(core), folder);
        }

        var library = new TorchLibrary(folder, core, VersionOf(core));
        if (!library.IsExpectedVersion)
            library.RequireSymbols(Path.Combine(programFolder, BindingsFile), last);
        LoadFile(programFolder, BindingsFile);
        return library;
    }

    private static void RequireVersion(Version? found, string folder)
    {
        if (found?.ToString(2) != Expected.ToString(2))
        {
            throw new KaleidoException($"The libtorch in '{folder}' is {found?.ToString() ?? "older than 2.9"}; expected {Expected}.x, which TorchSharp was built for. " +
                $"Install libtorch {Expected}, or set {TorchRuntime.ForceVariable}=1 to try this one.");
        }
    }

    private static nint LoadFile(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            var reason = File.Exists(path) ? e.Message.Split('\n')[^1].Trim() : "the file does not exist";
            throw new KaleidoException($"libtorch cannot be loaded from '{path}': {reason}. Build the program again, or correct {TorchRuntime.FolderVariable}.", inner: e);
        }
    }

    private static Version? VersionOf(nint core)
    {
        if (!NativeLibrary.TryGetExport(core, "aoti_torch_abi_version", out var function))
            return null;
        var version = ((delegate* unmanaged<ulong>)function)();
        return new Version((int)(version >> 56), (int)(version >> 48) & 0xff, (int)(version >> 40) & 0xff);
    }

    // The linker binds lazily: without this a missing function would end the process at its first call.
    private void RequireSymbols(string bindings, nint torch)
    {
        var missing = TorchImports.Of(bindings).Where(name => !NativeLibrary.TryGetExport(torch, name, out _)).ToList();
        if (missing.Count > 0)
        {
            throw new KaleidoException($"The libtorch in '{Folder}' ({Version?.ToString() ?? "older than 2.9"}) lacks {missing.Count} functions that TorchSharp needs, " +
                $"such as {string.Join(", ", missing.Take(3))}. Install libtorch {Expected}.x.");
        }
    }
}
