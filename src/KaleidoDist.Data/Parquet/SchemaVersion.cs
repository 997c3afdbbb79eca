using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>The schema a file's metadata names. Files of other writers name none; their columns are checked all the same.</summary>
internal static class SchemaVersion
{
    /// <summary>Refuses a file that says it is of another schema or of a later major version.</summary>
    /// <param name="path">The file, for the message.</param>
    /// <param name="metadata">Its key-value metadata.</param>
    /// <param name="schema">The schema the reader knows.</param>
    /// <param name="major">The major version the reader knows.</param>
    public static void Check(string path, IReadOnlyDictionary<string, string> metadata, string schema, string major)
    {
        if (metadata.TryGetValue(RawSchema.NameKey, out var name) && name != schema)
            throw KaleidoException.Usage($"'{path}' is of schema '{name}'; expected '{schema}'. {NextAct(name)}");
        if (metadata.TryGetValue(RawSchema.VersionKey, out var version) && version.Split('.')[0] != major)
            throw KaleidoException.Usage($"'{path}' is of version '{version}' of schema '{schema}'; expected {major} or {major}.x. Read it with a newer kaleido, or import the source again with this one.");
    }

    private static string NextAct(string found) => found == StaticSchema.Name
        ? "Static rows are exported with 'kaleido data export-tsv', not read as pictures."
        : "Write the data set with 'kaleido data import'.";
}
