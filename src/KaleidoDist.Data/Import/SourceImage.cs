namespace KaleidoDist.Data;

/// <summary>What a source has of a row's picture.</summary>
internal abstract record SourceImage
{
    /// <summary>Bytes it keeps in memory.</summary>
    public virtual long ByteCount => 0;
}

/// <summary>An encoded picture: bytes of an untrusted JPEG, PNG or WebP file.</summary>
internal sealed record EncodedImage(ReadOnlyMemory<byte> Bytes) : SourceImage
{
    /// <inheritdoc/>
    public override long ByteCount => Bytes.Length;
}

/// <summary>Bare pixels: [height, width, 3] bytes, red, green, blue.</summary>
internal sealed record PixelImage(ReadOnlyMemory<byte> Rgb, int Width, int Height) : SourceImage
{
    /// <inheritdoc/>
    public override long ByteCount => Rgb.Length;
}

/// <summary>No picture, and why.</summary>
internal sealed record NoImage(SkipReason Reason, string Detail) : SourceImage;

/// <summary>A picture that was converted before, with the same options.</summary>
internal sealed record ConvertedImage(StoredPicture Picture) : SourceImage
{
    /// <inheritdoc/>
    public override long ByteCount => Picture.Bytes.Length;
}
