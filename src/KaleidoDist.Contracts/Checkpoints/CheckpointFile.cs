using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>One file of a checkpoint, as its writer made it durable.</summary>
/// <param name="Name">Plain name within the checkpoint's data folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Xxh128">XXH128 of the whole file, 32 lower-case hex digits.</param>
/// <param name="Tensors">Tensors in it; 0 for a file of another kind.</param>
public sealed record CheckpointFile(string Name, long Bytes, string Xxh128, int Tensors)
{
    /// <summary>The wire form.</summary>
    public Proto.CheckpointFile ToProto() => new() { Name = Name, Bytes = Bytes, Xxh128 = Xxh128, Tensors = Tensors };

    /// <summary>Reads the wire form.</summary>
    public static CheckpointFile FromProto(Proto.CheckpointFile proto) => new(proto.Name, proto.Bytes, proto.Xxh128, proto.Tensors);
}
