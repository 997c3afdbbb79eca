using System.Buffers.Binary;
using System.Text;

namespace KaleidoDist.Collectives;

/// <summary>The functions and objects that an ELF library takes from others (System V ABI, chapter 4: symbol table).</summary>
internal static class TorchImports
{
    private const int SectionHeaderTable = 0x28, SectionHeaderSize = 0x3A, SectionCount = 0x3C;
    private const int DynamicSymbolTable = 11, SymbolSize = 24, WeakBinding = 2;

    // Required by no call: see the note on the bindings in build/Libtorch.targets.
    private const string MarkerSymbol = "_ZSt21ios_base_library_initv";

    /// <summary>Names of all symbols that the 64-bit little-endian library at <paramref name="path"/> must find elsewhere.</summary>
    public static IReadOnlyList<string> Of(string path)
    {
        ReadOnlySpan<byte> elf = File.ReadAllBytes(path);
        var names = new List<string>();
        int table = Offset(elf, SectionHeaderTable), size = U16(elf, SectionHeaderSize);
        for (var section = 0; section < U16(elf, SectionCount); section++)
        {
            var header = elf[(table + (section * size))..];
            if (I32(header, 4) != DynamicSymbolTable)
                continue;
            var strings = elf[Offset(elf[(table + (I32(header, 0x28) * size))..], 0x18)..];
            var symbols = elf.Slice(Offset(header, 0x18), Offset(header, 0x20));
            for (; symbols.Length >= SymbolSize; symbols = symbols[SymbolSize..])
            {
                var (weak, undefined) = (symbols[4] >> 4 == WeakBinding, U16(symbols, 6) == 0);
                var name = Text(strings[I32(symbols, 0)..]);
                if (undefined && !weak && name is not ("" or MarkerSymbol))
                    names.Add(name);
            }
        }

        return names;
    }

    private static int Offset(ReadOnlySpan<byte> bytes, int at) => checked((int)BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]));

    private static int I32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.ASCII.GetString(bytes[..bytes.IndexOf((byte)0)]);
}
