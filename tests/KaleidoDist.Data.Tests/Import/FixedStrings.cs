namespace KaleidoDist.Data.Tests;

/// <summary>Puts bytes that are no UTF-8 into a text column of an HDF5 file: the writing library takes strings only.</summary>
internal static class FixedStrings
{
    /// <summary>Replaces the texts of a column, whose fields are filled with zeros.</summary>
    public static void Replace(string path, string column, IReadOnlyList<byte[]> texts)
    {
        var file = File.ReadAllBytes(path);
        var word = column["input_".Length..];
        for (var row = 0; row < texts.Count; row++)
        {
            var old = System.Text.Encoding.UTF8.GetBytes($"{word} {row} é");
            var offset = Find(file, old);
            file.AsSpan(offset, old.Length).Clear();
            texts[row].CopyTo(file, offset);
        }

        File.WriteAllBytes(path, file);
    }

    /// <summary>The text itself, not the end of another one ("concat_description 0").</summary>
    private static int Find(byte[] file, byte[] text)
    {
        var offset = file.AsSpan().IndexOf(text);
        while (file[offset - 1] == '_')
            offset += 1 + file.AsSpan(offset + 1).IndexOf(text);
        return offset;
    }
}
