using System.Text;

namespace KaleidoDist.Data;

/// <summary>Rows in a work file, written in order of the source and read in order of the shuffle: their texts need no memory.</summary>
internal sealed class RowSpool : IDisposable
{
    private const string FileName = "rows.bin";

    private readonly FileStream file;
    private readonly BinaryWriter writer;
    private readonly BinaryReader reader;

    /// <summary>Starts an empty spool in a work folder.</summary>
    public RowSpool(string workFolder)
    {
        file = new FileStream(Path.Combine(workFolder, FileName), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        writer = new BinaryWriter(file, Encoding.UTF8, leaveOpen: true);
        reader = new BinaryReader(file, Encoding.UTF8, leaveOpen: true);
    }

    /// <summary>Appends a row; returns its offset.</summary>
    public long Add(SourceRow row)
    {
        var offset = file.Position;
        writer.Write(row.Line);
        foreach (var text in new[] { row.Image, row.Text, row.ProductId, row.Category, row.Subcategory })
            writer.Write(text);
        writer.Write((sbyte)(row.Split is { } split ? (int)split : -1));
        writer.Write(row.Attributes is not null);
        if (row.Attributes is not { } attributes)
            return offset;
        foreach (var text in new[] { attributes.Title, attributes.Brand, attributes.Gender, attributes.Season, attributes.Composition, attributes.Department, attributes.Pose })
        {
            writer.Write(text is not null);
            writer.Write(text ?? "");
        }

        writer.Write(attributes.PriceUsd ?? float.NaN);
        return offset;
    }

    /// <summary>The row at an offset. Its own numbers of categories are not kept: they are in <see cref="CategoryNumbers"/>.</summary>
    public SourceRow Read(long offset)
    {
        file.Position = offset;
        return new SourceRow(reader.ReadInt64(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString())
        {
            Split = reader.ReadSByte() is >= 0 and var split ? (DataSplit)split : null,
            Attributes = reader.ReadBoolean() ? ReadAttributes() : null,
        };
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private ProductAttributes ReadAttributes() => new()
    {
        Title = ReadText(),
        Brand = ReadText(),
        Gender = ReadText(),
        Season = ReadText(),
        Composition = ReadText(),
        Department = ReadText(),
        Pose = ReadText(),
        PriceUsd = reader.ReadSingle() is var price && float.IsNaN(price) ? null : price,
    };

    private string? ReadText()
    {
        var present = reader.ReadBoolean();
        var text = reader.ReadString();
        return present ? text : null;
    }
}
