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
        WriteExtras(row);
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
            ForegroundBox = reader.ReadBoolean() ? new PixelBox(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32()) : null,
            Alignments = ReadAlignments(),
        };
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private void WriteExtras(SourceRow row)
    {
        writer.Write(row.Attributes is not null);
        if (row.Attributes is { } attributes)
        {
            foreach (var text in attributes.Texts)
            {
                writer.Write(text is not null);
                writer.Write(text ?? "");
            }

            writer.Write(attributes.PriceUsd ?? float.NaN);
        }

        writer.Write(row.ForegroundBox is not null);
        if (row.ForegroundBox is { } box)
        {
            foreach (var end in new[] { box.X1, box.Y1, box.X2, box.Y2 })
                writer.Write(end);
        }

        writer.Write(row.Alignments.Count);
        foreach (var alignment in row.Alignments)
        {
            writer.Write(alignment.WordStart);
            writer.Write(alignment.WordEnd);
            writer.Write(alignment.Level);
            writer.Write(alignment.Patch);
            writer.Write(alignment.Score);
        }
    }

    private ProductAttributes ReadAttributes()
    {
        var texts = new string?[RawSchema.Attributes.Count - 1];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = ReadText();
        return ProductAttributes.From(texts, reader.ReadSingle() is var price && float.IsNaN(price) ? null : price);
    }

    private IReadOnlyList<Alignment> ReadAlignments()
    {
        var alignments = new Alignment[reader.ReadInt32()];
        for (var i = 0; i < alignments.Length; i++)
            alignments[i] = new Alignment(reader.ReadInt16(), reader.ReadInt16(), reader.ReadSByte(), reader.ReadSByte(), reader.ReadSingle());
        return alignments;
    }

    private string? ReadText()
    {
        var present = reader.ReadBoolean();
        var text = reader.ReadString();
        return present ? text : null;
    }
}
