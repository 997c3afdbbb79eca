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

    /// <summary>The wire form.</summary>
    public Proto.CheckpointFile ToProto() => new() { Name = Name, Bytes = Bytes, Xxh128 = Xxh128, Tensors = Tensors, ChunksXxh3 = ChunksXxh3 ?? "" };

    /// <summary>Reads the wire form.</summary>
    public static CheckpointFile FromProto(Proto.CheckpointFile proto)
        => new(proto.Name, proto.Bytes, proto.Xxh128, proto.Tensors) { ChunksXxh3 = proto.ChunksXxh3.Length == 0 ? null : proto.ChunksXxh3 };
}
