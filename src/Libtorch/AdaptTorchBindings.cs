using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies the ELF library of TorchSharp's native bindings with two changes. It sets VER_FLG_WEAK on one symbol version that the library
/// needs from another (System V ABI, symbol versioning), so that the dynamic linker warns of a missing version instead of refusing to
/// load: only sound for a version whose symbols are never called. And it shortens DT_RUNPATH, where the linker looks for its
/// dependencies. The source is left as it is; what is as wanted already stays.
/// </summary>
public sealed class AdaptTorchBindings : Task
{
    private const int SectionTypeDynamic = 6, SectionTypeVersionNeed = 0x6ffffffe;
    private const long DynamicTagRunPath = 0x1d;
    private const int DynamicEntrySize = 16;
    private const ushort WeakFlag = 2;

    /// <summary>The library to copy.</summary>
    [Required]
    public string Source { get; set; }

    /// <summary>The file to write; replaced as a whole, so hard links to an older one keep their content.</summary>
    [Required]
    public string Destination { get; set; }

    /// <summary>The new DT_RUNPATH, not longer than the old one.</summary>
    [Required]
    public string RunPath { get; set; }

    /// <summary>The library whose version is needed, as in DT_NEEDED.</summary>
    [Required]
    public string WeakLibrary { get; set; }

    /// <summary>The version whose need becomes weak.</summary>
    [Required]
    public string WeakVersion { get; set; }

    /// <summary>Copies and patches; false with a logged error if the file is not what it is taken for.</summary>
    public override bool Execute()
    {
        var elf = File.ReadAllBytes(Source);
        if (elf.Length < 64 || elf[0] != 0x7f || elf[1] != 'E' || elf[2] != 'L' || elf[3] != 'F' || elf[4] != 2 || elf[5] != 1)
        {
            Log.LogError("'{0}' is not a 64-bit little-endian ELF file. Restore the TorchSharp package again.", Source);
            return false;
        }

        try
        {
            // A newer TorchSharp may not need the version any more.
            var weakened = Find(elf, SectionTypeVersionNeed, out var needs, out var needNames) && Weaken(elf, needs, needNames);
            Log.LogMessage(MessageImportance.Low, "{0}: need of {1} {2}.", Source, WeakVersion, weakened ? "is weak" : "not found");
            if (!Find(elf, SectionTypeDynamic, out var entries, out var names) || !SetRunPath(elf, entries, names))
            {
                Log.LogError("'{0}' has no DT_RUNPATH that '{1}' fits into. This TorchSharp is not known to work here; restore the pinned version.", Source, RunPath);
                return false;
            }
        }
        catch (Exception e) when (e is IndexOutOfRangeException || e is ArgumentException || e is OverflowException)
        {
            Log.LogError("'{0}' is damaged ({1}). Restore the TorchSharp package again.", Source, e.Message);
            return false;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        var temporary = Destination + "." + Guid.NewGuid().ToString("N");
        File.WriteAllBytes(temporary, elf);
        if (File.Exists(Destination))
            File.Replace(temporary, Destination, null);
        else
            Publish(temporary);
        return true;
    }

    private void Publish(string temporary)
    {
        try
        {
            File.Move(temporary, Destination);
        }
        catch (IOException) when (File.Exists(Destination))
        {
            // Another project of the same build was first, with the same bytes.
            File.Delete(temporary);
        }
    }

    // Offsets of the first section of a type, and of the string table it refers to.
    private static bool Find(byte[] elf, int type, out int section, out int strings)
    {
        var table = checked((int)BitConverter.ToInt64(elf, 0x28));
        int entrySize = BitConverter.ToUInt16(elf, 0x3A), count = BitConverter.ToUInt16(elf, 0x3C);
        for (var i = 0; i < count; i++)
        {
            var header = table + (i * entrySize);
            if (BitConverter.ToInt32(elf, header + 4) != type)
                continue;
            section = Offset(elf, header);
            strings = Offset(elf, table + (BitConverter.ToInt32(elf, header + 0x28) * entrySize));
            return true;
        }

        section = strings = 0;
        return false;
    }

    // Dynamic entry: i64 tag, u64 value. The rest of the old text stays: other strings may share it.
    private bool SetRunPath(byte[] elf, int entries, int strings)
    {
        for (var entry = entries; BitConverter.ToInt64(elf, entry) != 0; entry += DynamicEntrySize)
        {
            if (BitConverter.ToInt64(elf, entry) != DynamicTagRunPath)
                continue;
            var at = strings + checked((int)BitConverter.ToInt64(elf, entry + 8));
            if (Text(elf, at).Length < RunPath.Length)
                return false;
            Encoding.ASCII.GetBytes(RunPath + "\0", 0, RunPath.Length + 1, elf, at);
            return true;
        }

        return false;
    }

    // Verneed: u16 version, u16 count, u32 file, u32 aux, u32 next. Vernaux: u32 hash, u16 flags, u16 other, u32 name, u32 next.
    private bool Weaken(byte[] elf, int need, int strings)
    {
        for (; ; need += BitConverter.ToInt32(elf, need + 12))
        {
            if (Text(elf, strings + BitConverter.ToInt32(elf, need + 4)) == WeakLibrary)
            {
                var entry = need + BitConverter.ToInt32(elf, need + 8);
                for (var left = BitConverter.ToUInt16(elf, need + 2); left > 0; left--, entry += BitConverter.ToInt32(elf, entry + 12))
                {
                    if (Text(elf, strings + BitConverter.ToInt32(elf, entry + 8)) != WeakVersion)
                        continue;
                    var flags = (ushort)(BitConverter.ToUInt16(elf, entry + 4) | WeakFlag);
                    elf[entry + 4] = (byte)flags;
                    elf[entry + 5] = (byte)(flags >> 8);
                    return true;
                }
            }

            if (BitConverter.ToInt32(elf, need + 12) == 0)
                return false;
        }
    }

    private static int Offset(byte[] elf, int sectionHeader) => checked((int)BitConverter.ToInt64(elf, sectionHeader + 0x18));

    private static string Text(byte[] elf, int offset)
    {
        var end = Array.IndexOf(elf, (byte)0, offset);
        return Encoding.ASCII.GetString(elf, offset, end - offset);
    }
}
