using System.Text.Json.Serialization;
using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>One file of a checkpoint, as its writer made it durable.</summary>
/// <param name="Name">Plain name within the checkpoint's data folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Xxh128">XXH128 of the whole file, 32 lower-case hex digits.</param>
/// <param name="Tensors">Tensors in it; 0 for a file of another kind.</param>
public sealed record CheckpointFile(string Name, long Bytes, string Xxh128, int Tensors)
{
    /// <summary>Size of a chunk that has a hash of its own.</summary>
    public const int ChunkBytes = 64 << 20;

    /// <summary>Digits of one hash in <see cref="ChunksXxh3"/>.</summary>
    public const int ChunkDigits = 16;

    /// <summary>XXH3 of each <see cref="ChunkBytes"/>, <see cref="ChunkDigits"/> lower-case hex digits each, one after the other; null for a file that has no more than that.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ChunksXxh3 { get; init; }

    /// <summary>
    /// sha256 of the whole file, 64 lower-case hex digits; null unless the checkpoint is a job's last, which people hand on: it can be checked with tools of
    /// anybody's, and nobody can make another file that has it.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sha256 { get; init; }

    /// <summary>The wire form.</summary>
    public Proto.CheckpointFile ToProto()
        => new() { Name = Name, Bytes = Bytes, Xxh128 = Xxh128, Tensors = Tensors, ChunksXxh3 = ChunksXxh3 ?? "", Sha256 = Sha256 ?? "" };

    /// <summary>Reads the wire form.</summary>
    public static CheckpointFile FromProto(Proto.CheckpointFile proto)
        => Of(proto.Name, proto.Bytes, proto.Xxh128, proto.Tensors, proto.ChunksXxh3, proto.Sha256);

    /// <summary>A file of which some hashes may be unknown, and empty.</summary>
    public static CheckpointFile Of(string name, long bytes, string xxh128, int tensors, string chunksXxh3, string sha256)
        => new(name, bytes, xxh128, tensors) { ChunksXxh3 = chunksXxh3.Length == 0 ? null : chunksXxh3, Sha256 = sha256.Length == 0 ? null : sha256 };
}
