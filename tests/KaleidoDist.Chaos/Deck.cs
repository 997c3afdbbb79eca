namespace KaleidoDist.Chaos;

/// <summary>Cards in an order of chance, each of which is played once before one comes again.</summary>
/// <param name="cards">All cards.</param>
/// <param name="random">The order.</param>
internal sealed class Deck<T>(IReadOnlyList<T> cards, Random random)
{
    private readonly List<T> left = [];

    /// <summary>Cards that were not played since the last shuffle, in their order; all, shuffled anew, when none is left.</summary>
    internal IReadOnlyList<T> Left
    {
        get
        {
            if (left.Count > 0)
                return left;
            T[] shuffled = [.. cards];
            random.Shuffle(shuffled);
            left.AddRange(shuffled);
            return left;
        }
    }

    /// <summary>Plays a card of <see cref="Left"/>.</summary>
    internal void Play(T card) => left.Remove(card);
}
