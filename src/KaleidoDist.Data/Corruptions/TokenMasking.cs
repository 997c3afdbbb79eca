using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Hides chosen tokens as BERT does (paper, section 3.6): 80 % become [MASK], 10 % any entry of the vocabulary, 10 % stay; each piece
/// by a draw of its own.
/// </summary>
public static class TokenMasking
{
    private const double MaskShare = 0.8;
    private const double RandomShare = 0.1;

    /// <summary>Corrupts <paramref name="inputIds"/> and writes what is to be predicted.</summary>
    /// <param name="random">The sample's numbers of <see cref="CorruptionStream.Tokens"/>.</param>
    /// <param name="tokenizer">Gives [MASK] and the size of the vocabulary.</param>
    /// <param name="hidden">Per text position: whether it is hidden; at most as many as there are slots.</param>
    /// <param name="inputIds">[T] token ids, changed in place.</param>
    /// <param name="positions">[M] hidden positions, ascending, padded with 0.</param>
    /// <param name="ids">[M] their original ids, padded with 0.</param>
    /// <param name="weights">[M] 1, padded with 0.</param>
    public static void Apply(
        ref KeyedRandom random, WordPieceTokenizer tokenizer, ReadOnlySpan<bool> hidden,
        Span<long> inputIds, Span<long> positions, Span<long> ids, Span<float> weights)
    {
        positions.Clear();
        ids.Clear();
        weights.Clear();
        var count = 0;
        for (var position = 0; position < hidden.Length; position++)
        {
            if (!hidden[position])
                continue;
            (positions[count], ids[count], weights[count]) = (position, inputIds[position], 1);
            count++;
            var draw = random.NextDouble();
            var entry = random.Next(tokenizer.VocabularySize);
            if (draw < MaskShare)
                inputIds[position] = tokenizer.MaskId;
            else if (draw < MaskShare + RandomShare)
                inputIds[position] = entry;
        }
    }
}
