using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace KaleidoDist.Collectives;

/// <summary>
/// libtorch's stable C ABI, for what TorchSharp does not bind: any operator by name, and raw data pointers. TorchSharp's tensor
/// handle is an <c>at::Tensor*</c>, which is what this ABI calls an AtenTensorHandle.
/// </summary>
public static partial class TorchStable
{
    // Resolved to the file that TorchRuntime loaded.
    private const string TorchCpu = "torch_cpu";

    // TORCH_ABI_VERSION that our calls follow: 2.10.0, as major, minor, patch in the upper three bytes.
    private const ulong AbiVersion = (2UL << 56) | (10UL << 48);

    private static readonly string[] Exports =
        [nameof(torch_call_dispatcher), nameof(torch_new_list_reserve_size), nameof(torch_list_push_back), nameof(aoti_torch_new_tensor_handle), nameof(aoti_torch_get_data_ptr)];

    private static readonly Lazy<bool> Available = new(() => Exports.All(name => NativeLibrary.TryGetExport(TorchRuntime.TorchCpu, name, out _)));

    static TorchStable()
        => NativeLibrary.SetDllImportResolver(typeof(TorchStable).Assembly, (name, _, _) => name == TorchCpu ? TorchRuntime.TorchCpu : 0);

    /// <summary>Whether the loaded libtorch has this ABI. Without it callers take their portable path.</summary>
    public static bool IsAvailable => Available.Value;

    /// <summary>
    /// Address of a tensor's first element, its storage offset included. Valid while the tensor lives; on a CUDA device a device
    /// address.
    /// </summary>
    public static nint DataPointer(Tensor tensor)
    {
        Check(aoti_torch_get_data_ptr(tensor.Handle, out var pointer), nameof(aoti_torch_get_data_ptr));
        GC.KeepAlive(tensor);
        return pointer;
    }

    /// <summary>
    /// One AdamW step (Loshchilov and Hutter, 2019) in one pass over memory: <c>aten::_fused_adamw_</c>. All tensors are float32 of
    /// one shape but <paramref name="step"/>, a scalar that already counts this step.
    /// </summary>
    public static void FusedAdamW(Tensor weights, Tensor gradients, Tensor first, Tensor second, Tensor step, double rate, double beta1, double beta2, double decay, double epsilon)
    {
        // The dispatcher takes over every handle and list on its stack.
        ReadOnlySpan<ulong> stack =
        [
            List(weights), List(gradients), List(first), List(second), List(), List(step),
            Double(rate), Double(beta1), Double(beta2), Double(decay), Double(epsilon), False, False, None, None,
        ];
        Call("aten::_fused_adamw_", stack);
        GC.KeepAlive((weights, gradients, first, second, step));
    }

    // Values on the dispatcher's stack: 8 bytes each.
    private const ulong False = 0, None = 0;

    private static ulong Double(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong List(params ReadOnlySpan<Tensor> tensors)
    {
        Check(torch_new_list_reserve_size((nuint)tensors.Length, out var list), nameof(torch_new_list_reserve_size));
        foreach (var tensor in tensors)
        {
            Check(aoti_torch_new_tensor_handle(tensor.Handle, out var handle), nameof(aoti_torch_new_tensor_handle));
            Check(torch_list_push_back(list, (ulong)handle), nameof(torch_list_push_back));
        }

        return (ulong)list;
    }

    private static void Call(string operation, ReadOnlySpan<ulong> stack)
    {
        var arguments = stack.ToArray();
        Check(torch_call_dispatcher(operation, "", arguments, AbiVersion), operation);
    }

    private static void Check(int result, string operation)
    {
        // libtorch 2.10 prints the reason to standard error and offers no way to read it.
        if (result != 0)
            throw new InvalidOperationException($"libtorch refused {operation} (code {result}); its reason is on standard error.");
    }

    [LibraryImport(TorchCpu, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int torch_call_dispatcher(string operation, string overload, [In, Out] ulong[] stack, ulong abiVersion);

    [LibraryImport(TorchCpu)]
    private static partial int torch_new_list_reserve_size(nuint size, out nint list);

    [LibraryImport(TorchCpu)]
    private static partial int torch_list_push_back(nint list, ulong value);

    [LibraryImport(TorchCpu)]
    private static partial int aoti_torch_new_tensor_handle(nint tensor, out nint handle);

    [LibraryImport(TorchCpu)]
    private static partial int aoti_torch_get_data_ptr(nint tensor, out nint pointer);
}
