using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>A checkpoint as people name it: <c>RUN@SEQ</c>, or <c>RUN</c> for its newest valid one.</summary>
/// <param name="Run">The run folder.</param>
/// <param name="Seq">Sequence number; null for the newest.</param>
public sealed record CheckpointReference(string Run, long? Seq)
{
    private const char Separator = '@';

    /// <summary>Reads a name. What follows the last <c>@</c> is the number if it is one, else part of the folder's name.</summary>
    /// <exception cref="KaleidoException">There is no folder in it; usage error.</exception>
    public static CheckpointReference Parse(string text)
    {
        var at = text.LastIndexOf(Separator);
        var reference = at >= 0 && long.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var seq)
            ? new CheckpointReference(text[..at], seq)
            : new CheckpointReference(text, null);
        return reference.Run.Length > 0
            ? reference
            : throw KaleidoException.Usage($"'{SpecText.OneLine(text)}' names no run folder; expected RUN or RUN@SEQ, as runs/base@17.");
    }
}
