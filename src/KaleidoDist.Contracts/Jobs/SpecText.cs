namespace KaleidoDist.Contracts;

/// <summary>Words of error messages: values shown safely on one line, and the known word a misspelt one probably meant.</summary>
public static class SpecText
{
    private const int ShownCharacters = 80;

    /// <summary>A user's text on one line: control characters become spaces, the end of a long text an ellipsis.</summary>
    public static string OneLine(string text)
    {
        var line = string.Create(text.Length, text, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = char.IsControl(from[i]) ? ' ' : from[i];
        });
        return line.Length <= ShownCharacters ? line : $"{line[..ShownCharacters]}...";
    }

    /// <summary><c>; did you mean 'x'?</c> for the nearest candidate, or nothing when none is near.</summary>
    public static string Suggestion(string word, IEnumerable<string> candidates)
    {
        if (word.Length > ShownCharacters)
            return "";
        var best = candidates
            .Select(c => (Word: c, Distance: EditDistance(word, c)))
            .OrderBy(c => c.Distance).ThenBy(c => c.Word, StringComparer.Ordinal)
            .FirstOrDefault();

        // At most a third of the letters wrong, and two in short words, but never all of them.
        var limit = Math.Min(Math.Max(2, word.Length / 3), word.Length - 1);
        return best.Word is not null && best.Distance <= limit ? $"; did you mean '{best.Word}'?" : "";
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.</summary>
    public static int EditDistance(string a, string b)
    {
        // Optimal string alignment: three rows of the dynamic programme.
        var twoAbove = new int[b.Length + 1];
        var above = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var row = new int[b.Length + 1];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(Math.Min(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], twoAbove[j - 2] + 1);
            }

            (twoAbove, above) = (above, row);
        }

        return above[b.Length];
    }
}
