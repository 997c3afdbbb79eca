using System.Buffers;

namespace KaleidoDist.Contracts;

/// <summary>What must hold of a manifest's values before anything follows them: file names above all, which become paths.</summary>
public static class CheckpointManifestRules
{
    private const int Xxh128Digits = 32;
    private const int Sha256Digits = 64;
    private const int MaxNameLength = 255;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    /// <summary>Checks all rules.</summary>
    /// <exception cref="InvalidDataException">One does not hold; the message is a clause that says which.</exception>
    public static void Require(CheckpointManifest manifest)
    {
        Require(manifest.Schema == CheckpointManifest.CurrentSchema, $"its schema is '{manifest.Schema}', expected '{CheckpointManifest.CurrentSchema}'");
        Require(manifest.Seq >= 1, $"seq is {manifest.Seq}, expected at least 1");
        Require(manifest.ParentSeq >= 0 && manifest.ParentSeq < manifest.Seq, $"parentSeq is {manifest.ParentSeq}, expected 0..{manifest.Seq - 1}");
        Require(manifest.ParentSeq == 0 == manifest.ParentHash is null, "parentSeq and parentHash do not belong together");
        Require(manifest.Generation >= 0, $"generation is {manifest.Generation}");
        Require(manifest.Attempt >= 1, $"attempt is {manifest.Attempt}, expected at least 1");
        Require(manifest.Step >= 0 && manifest.SamplesConsumed >= 0, $"step {manifest.Step} or samplesConsumed {manifest.SamplesConsumed} is negative");
        Require(manifest.Data is { Epoch: >= 0, StepInEpoch: >= 0 }, "its data position is negative");
        Require(manifest.WorldSize >= 1 && manifest.WorldSize <= manifest.VirtualRanks, $"worldSize is {manifest.WorldSize} of {manifest.VirtualRanks} virtual ranks");
        Require(manifest.GlobalBatch >= 1 && manifest.ThreadsPerRank >= 1, "globalBatch or threadsPerRank is below 1");
        Require(IsXxh128(manifest.WeightsXxh128), "weightsXxh128 is not 32 lower-case hex digits");
        RequireFiles(manifest.Files);
    }

    /// <summary>Checks a checkpoint's list of files: plain unique names, sizes, hashes.</summary>
    /// <exception cref="InvalidDataException">A rule does not hold.</exception>
    public static void RequireFiles(IReadOnlyList<CheckpointFile> files)
    {
        Require(files.Count > 0, "it names no files");
        Require(files.Select(f => f.Name).Distinct(StringComparer.Ordinal).Count() == files.Count, "it names a file twice");
        foreach (var file in files)
        {
            Require(IsPlainName(file.Name), "a file name is not plain (letters, digits, '.', '_', '-')");
            Require(file.Bytes >= 0 && file.Tensors >= 0, $"file '{file.Name}' has a negative size or tensor count");
            Require(IsXxh128(file.Xxh128), $"the xxh128 of file '{file.Name}' is not 32 lower-case hex digits");
            Require(file.ChunksXxh3 is not { } chunks || IsChunks(chunks, file.Bytes), $"the chunksXxh3 of file '{file.Name}' are not {CheckpointFile.ChunkDigits} lower-case hex digits for each of its chunks");
            Require(file.Sha256 is not { } sha256 || IsHex(sha256, Sha256Digits), $"the sha256 of file '{file.Name}' is not {Sha256Digits} lower-case hex digits");
        }
    }

    private static bool IsPlainName(string name)
        => name.Length is > 0 and <= MaxNameLength && name[0] != '.' && !name.AsSpan().ContainsAnyExcept(NameCharacters);

    private static bool IsXxh128(string text) => IsHex(text, Xxh128Digits);

    private static bool IsHex(string text, int digits) => text.Length == digits && !text.AsSpan().ContainsAnyExcept(HexDigits);

    private static bool IsChunks(string text, long bytes)
        => text.Length == (bytes + CheckpointFile.ChunkBytes - 1) / CheckpointFile.ChunkBytes * CheckpointFile.ChunkDigits && !text.AsSpan().ContainsAnyExcept(HexDigits);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new InvalidDataException(otherwise);
    }
}
