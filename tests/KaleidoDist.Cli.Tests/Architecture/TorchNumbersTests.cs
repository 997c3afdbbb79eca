using Mono.Cecil;

namespace KaleidoDist.Cli.Tests;

/// <summary>
/// No code of ours hands libtorch a number that the finalizer may free during the call (decision 0018). Read from what was compiled: operators, overloads and
/// conversions that make such a number, also where TorchSharp makes it inside.
/// </summary>
public sealed class TorchNumbersTests
{
    private const string Number = "TorchSharp.Scalar";
    private static readonly string Folder = Path.GetDirectoryName(typeof(KaleidoDist.Model.KaleidoBert).Assembly.Location)!;

    [Fact]
    public void EveryNumberThatGoesToLibtorchLivesAsLongAsTheCall()
    {
        var makers = MakersOfNumbers(Read("TorchSharp.dll"));
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::op_Addition(TorchSharp.torch/Tensor,TorchSharp.torch/Tensor)", makers);
        Assert.DoesNotContain("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::add(TorchSharp.torch/Tensor,TorchSharp.Scalar)", makers);

        string[] parts = ["kaleido.dll", .. Directory.GetFiles(Folder, "KaleidoDist.*.dll").Select(path => Path.GetFileName(path)).Where(name => !name.Contains("Test", StringComparison.Ordinal))];
        Assert.InRange(parts.Length, 9, 20);
        var culprits =
            from part in parts
            from method in Methods(Read(part))
            where method.DeclaringType.FullName != "KaleidoDist.Numbers"
            from called in Calls(method)
            where makers.Contains(called.FullName)
            select $"{part} {method.DeclaringType.FullName}.{method.Name} calls {called.FullName}";
        Assert.Empty(culprits);
    }

    /// <summary>Conversions to numbers, and all methods that use one, directly or through others.</summary>
    private static HashSet<string> MakersOfNumbers(ModuleDefinition torch)
    {
        var methods = Methods(torch).Select(method => (method.FullName, Calls: Calls(method).ToList())).ToList();
        var makers = methods.SelectMany(m => m.Calls).Where(IsConversion).Select(called => called.FullName).ToHashSet(StringComparer.Ordinal);
        makers.UnionWith(Methods(torch).Where(IsConversion).Select(method => method.FullName));
        int before;
        do
        {
            before = makers.Count;
            makers.UnionWith(methods.Where(m => m.Calls.Any(called => makers.Contains(called.FullName))).Select(m => m.FullName));
        }
        while (makers.Count > before);
        return makers;
    }

    private static bool IsConversion(MethodReference method)
        => (method.DeclaringType.FullName == Number && (method.Name is "op_Implicit" or ".ctor"))
            || (method.DeclaringType.FullName == "TorchSharp.ScalarExtensionMethods" && method.ReturnType.FullName == Number);

    private static ModuleDefinition Read(string name) => ModuleDefinition.ReadModule(Path.Combine(Folder, name));

    private static IEnumerable<MethodDefinition> Methods(ModuleDefinition module) => module.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody);

    private static IEnumerable<MethodReference> Calls(MethodDefinition method)
        => method.Body.Instructions.Select(instruction => instruction.Operand).OfType<MethodReference>().Select(called => called.GetElementMethod());
}
