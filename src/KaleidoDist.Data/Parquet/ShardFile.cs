using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>An open file of a data set, of pictures or of a bank, whose footer and columns were checked. For one thread at a time.</summary>
internal sealed class ShardFile : IAsyncDisposable
{
    private readonly FileStream stream;
    private readonly Dictionary<string, DataField> fields;

    private ShardFile(FileStream stream, ParquetReader reader, ParquetFooter footer, BankProperties? bank, Dictionary<string, DataField> fields)
    {
        this.stream = stream;
        this.fields = fields;
        Reader = reader;
        Footer = footer;
        Bank = bank;
    }

    /// <summary>The library's reader.</summary>
    public ParquetReader Reader { get; }

    /// <summary>Size and content hash.</summary>
    public ParquetFooter Footer { get; }

    /// <summary>How the vectors of a <c>kaleido-bank</c> file were made; null for a file of pictures.</summary>
    public BankProperties? Bank { get; }

    /// <summary>Schema name.</summary>
    public string Schema => Bank is null ? RawSchema.Name : BankSchema.Name;

    /// <summary>Absolute path.</summary>
    public string Path => stream.Name;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="KaleidoException">It is missing, truncated, damaged or lacks a column.</exception>
    public static async Task<ShardFile> OpenAsync(string path, CancellationToken cancel)
    {
        var stream = Open(path);
        try
        {
            var footer = ParquetFooter.Read(stream);
            ParquetReader reader;
            ParquetSchema schema;
            try
            {
                reader = await ParquetReader.CreateAsync(stream, new ParquetOptions(), leaveStreamOpen: true, cancel);
                schema = reader.Schema;
                _ = reader.RowGroups;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // The library reports damage by whatever it trips over, some of it only when the schema is asked for.
                throw KaleidoException.Usage($"'{path}' has a Parquet footer that cannot be read ({error.Message}); it is damaged. Copy or import it again.", error);
            }

            var bank = ReadBank(path, reader.CustomMetadata);
            return new ShardFile(stream, reader, footer, bank, CheckColumns(path, schema, bank is null ? RawSchema.Required : BankSchema.Required));
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A column, or null where the file lacks this optional one.</summary>
    public DataField? Field(string name) => fields.GetValueOrDefault(name);

    /// <summary>A list column's elements, or one field of them, or null where the file lacks it.</summary>
    /// <exception cref="KaleidoException">There is a column of this name that is no such list.</exception>
    public DataField? ListElement<T>(string name, string? fieldOfElement = null)
    {
        if (Reader.Schema.Fields.FirstOrDefault(f => f.Name == name) is not { } column)
            return null;
        var element = (column as ListField)?.Item;
        var found = fieldOfElement is null ? element : (element as StructField)?.Fields.FirstOrDefault(f => f.Name == fieldOfElement);
        return found is DataField { MaxRepetitionLevel: 1 } field && field.ClrType == typeof(T)
            ? field
            : throw KaleidoException.Usage($"Column '{name}' of '{Path}' is no list of {(fieldOfElement is null ? "" : $"structs with '{fieldOfElement}' of ")}{typeof(T).Name.ToLowerInvariant()}; expected one, or no such column.");
    }

    /// <summary>Closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        await Reader.DisposeAsync();
        await stream.DisposeAsync();
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw KaleidoException.Usage($"'{path}': no such file; expected a Parquet file of the data set. Check the path.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw KaleidoException.Usage($"'{path}' cannot be opened: {error.Message} Check its permissions.", error);
        }
    }

    /// <summary>A file without this metadata is another writer's: its columns tell whether it holds pictures.</summary>
    private static BankProperties? ReadBank(string path, Dictionary<string, string> metadata)
    {
        var isBank = metadata.GetValueOrDefault(RawSchema.NameKey) == BankSchema.Name;
        SchemaVersion.Check(path, metadata, isBank ? BankSchema.Name : RawSchema.Name, isBank ? BankSchema.Version : RawSchema.Version);
        return isBank ? BankProperties.Read(path, metadata) : null;
    }

    private static Dictionary<string, DataField> CheckColumns(string path, ParquetSchema schema, IReadOnlyList<DataField> required)
    {
        var found = new Dictionary<string, DataField>(StringComparer.Ordinal);
        foreach (var field in schema.Fields)
        {
            if (field is DataField data)
                found[data.Name] = data;
        }

        foreach (var expected in required.Concat(RawSchema.Optional))
        {
            if (!found.TryGetValue(expected.Name, out var field))
            {
                if (required.Contains(expected))
                    throw KaleidoException.Usage($"'{path}' has no column '{expected.Name}' ({RawSchema.TypeName(expected)}); found {Names(schema)}. Write the data set with 'kaleido data import'.");
            }
            else if (field.ClrType != expected.ClrType || field.IsArray)
            {
                throw KaleidoException.Usage($"Column '{expected.Name}' of '{path}' is {RawSchema.TypeName(field)}; expected {RawSchema.TypeName(expected)}. Write the data set with 'kaleido data import'.");
            }
        }

        return found;
    }

    private static string Names(ParquetSchema schema) => string.Join(", ", schema.Fields.Select(f => f.Name));
}
