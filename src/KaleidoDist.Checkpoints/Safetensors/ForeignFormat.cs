namespace KaleidoDist.Checkpoints;

/// <summary>Tells what a file is that turned out not to be safetensors, by its content: a name says nothing. Pure.</summary>
internal static class ForeignFormat
{
    private const byte PickleProtocol = 0x80;
    private const byte OldestBinaryProtocol = 2;
    private const byte NewestProtocol = 5;

    /// <summary>A clause about files that can run code when they are loaded; null for any other content.</summary>
    /// <param name="start">The first bytes of the file.</param>
    internal static string? Danger(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("PK\x03\x04"u8))
            return Refusal("a zip archive, as torch.save writes around a pickle");
        if (start.Length >= 2 && start[0] == PickleProtocol && start[1] is >= OldestBinaryProtocol and <= NewestProtocol)
            return Refusal("a pickle");
        return null;
    }

    private static string Refusal(string form)
        => $"KD-A111 it is {form}: loading a pickle can run any code, so none is ever read; convert it to safetensors where you trust it (safetensors.torch.save_file)";
}
