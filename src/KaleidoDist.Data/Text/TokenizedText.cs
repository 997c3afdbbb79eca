namespace KaleidoDist.Data;

/// <summary>A text as WordPiece ids.</summary>
/// <param name="Ids">[CLS], the pieces, [SEP]; not padded.</param>
/// <param name="WordStarts">Ascending indexes into <paramref name="Ids"/> of each word's first piece ([CLS] and [SEP] are no words).</param>
public sealed record TokenizedText(IReadOnlyList<int> Ids, IReadOnlyList<int> WordStarts);
