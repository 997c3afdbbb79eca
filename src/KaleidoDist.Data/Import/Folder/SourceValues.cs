namespace KaleidoDist.Data;

/// <summary>The values of a row by the name of their column; null where it has none.</summary>
/// <param name="Text">A text or a number, as it is written.</param>
/// <param name="List">A list, as JSON.</param>
internal readonly record struct SourceValues(Func<string, string?> Text, Func<string, string?> List);
