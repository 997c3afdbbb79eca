namespace KaleidoDist.Data;

/// <summary>What a source has of a row's picture.</summary>
internal abstract record SourceImage;

/// <summary>An encoded picture: bytes of an untrusted JPEG, PNG or WebP file.</summary>
internal sealed record EncodedImage(ReadOnlyMemory<byte> Bytes) : SourceImage;

/// <summary>Bare pixels: [height, width, 3] bytes, red, green, blue.</summary>
internal sealed record PixelImage(ReadOnlyMemory<byte> Rgb, int Width, int Height) : SourceImage;

/// <summary>No picture, and why.</summary>
internal sealed record NoImage(SkipReason Reason, string Detail) : SourceImage;

/// <summary>A picture that was converted before, with the same options.</summary>
internal sealed record ConvertedImage(StoredPicture Picture) : SourceImage;
