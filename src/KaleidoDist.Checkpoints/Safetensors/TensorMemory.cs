namespace KaleidoDist.Checkpoints;

/// <summary>A whole tensor in native memory, to be written. Contiguous, row-major, little-endian; its owner keeps it in place.</summary>
/// <param name="Name">PyTorch state_dict name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes; empty for a scalar.</param>
/// <param name="Address">First byte.</param>
/// <param name="Bytes">Size in bytes: the shape's, checked.</param>
public sealed record TensorSource(string Name, TensorType Type, IReadOnlyList<long> Shape, nint Address, long Bytes);

/// <summary>A whole tensor in native memory, to be filled. Contiguous, row-major, little-endian; its owner keeps it in place.</summary>
/// <param name="Name">PyTorch state_dict name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes; empty for a scalar.</param>
/// <param name="Address">First byte.</param>
/// <param name="Bytes">Size in bytes: the shape's, checked.</param>
public sealed record TensorDestination(string Name, TensorType Type, IReadOnlyList<long> Shape, nint Address, long Bytes);
