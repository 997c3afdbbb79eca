using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>System calls that the kernel can be made to refuse.</summary>
internal enum SystemCall { Fsync, Write, Link }

/// <summary>
/// Makes the kernel answer a system call of this thread with an error, for as long as the thread lives (a seccomp filter): the whole way from the call in the C
/// library to the exception is then the one of a broken disk.
/// </summary>
internal static class KernelFault
{
    private const int SetNoNewPrivileges = 38;
    private const int SetSeccomp = 22;
    private const int FilterMode = 2;
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort Return = 0x06;
    private const uint Allow = 0x7fff0000;
    private const uint Error = 0x00050000;
    private const int InstructionBytes = 8;

    /// <summary>Runs an action on a thread of its own, where faults can be started that end with it.</summary>
    public static Exception? OnOwnThread(Action act)
    {
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(act));
        thread.Start();
        thread.Join();
        return thrown;
    }

    /// <summary>From now on this thread's calls fail.</summary>
    public static void Start(SystemCall call, int errno)
    {
        (ushort Code, byte IfTrue, byte IfFalse, uint Value)[] filter =
        [
            (LoadWord, 0, 0, 0), // The call's number.
            (JumpIfEqual, 0, 1, Number(call)),
            (Return, 0, 0, Error | (uint)errno),
            (Return, 0, 0, Allow),
        ];
        var program = new byte[filter.Length * InstructionBytes];
        foreach (var (index, instruction) in filter.Index())
        {
            var bytes = program.AsSpan(index * InstructionBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, instruction.Code);
            (bytes[2], bytes[3]) = (instruction.IfTrue, instruction.IfFalse);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], instruction.Value);
        }

        Install(program, filter.Length);
    }

    private static uint Number(SystemCall call) => (RuntimeInformation.ProcessArchitecture, call) switch
    {
        (Architecture.X64, SystemCall.Fsync) => 74,
        (Architecture.X64, SystemCall.Write) => 18, // pwrite64
        (Architecture.X64, SystemCall.Link) => 86,
        (Architecture.Arm64, SystemCall.Fsync) => 82,
        (Architecture.Arm64, SystemCall.Write) => 68, // pwrite64
        (Architecture.Arm64, SystemCall.Link) => 37, // linkat
        var other => throw new PlatformNotSupportedException($"{other}"),
    };

    private static void Install(byte[] program, int length)
    {
        var instructions = Marshal.AllocHGlobal(program.Length);
        var header = Marshal.AllocHGlobal(16);
        try
        {
            Marshal.Copy(program, 0, instructions, program.Length);
            Marshal.WriteInt64(header, 0, length);
            Marshal.WriteIntPtr(header, 8, instructions);
            if (Libc.Prctl(SetNoNewPrivileges, 1, 0, 0, 0) != 0 || Libc.Prctl(SetSeccomp, FilterMode, (nuint)header, 0, 0) != 0)
                throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
        finally
        {
            Marshal.FreeHGlobal(header);
            Marshal.FreeHGlobal(instructions);
        }
    }
}
