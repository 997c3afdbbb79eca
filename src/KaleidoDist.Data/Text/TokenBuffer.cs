namespace KaleidoDist.Data;

/// <summary>Memory for the tokens of one text of a model, used again for the next text.</summary>
internal sealed class TokenBuffer(WordPieceTokenizer tokenizer, int textLength)
{
    private readonly int[] ids = new int[textLength];
    private readonly bool[] wordStart = new bool[textLength];
    private int length;

    /// <summary>[CLS], pieces, [SEP].</summary>
    public ReadOnlySpan<int> Ids => ids.AsSpan(0, length);

    /// <summary>For each token whether it begins a word.</summary>
    public ReadOnlySpan<bool> WordStart => wordStart.AsSpan(0, length);

    /// <summary>Tokenizes a text; false when it has no token but [CLS] and [SEP].</summary>
    public bool TryRead(string text)
    {
        length = tokenizer.Tokenize(text, ids, wordStart);
        return length > 2;
    }
}
