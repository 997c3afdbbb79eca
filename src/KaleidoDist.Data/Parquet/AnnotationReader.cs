using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads the optional list columns of a row group and checks their values: they index into texts and patches later.</summary>
internal static class AnnotationReader
{
    /// <summary>Fields of an alignment.</summary>
    internal const string WordStart = "word_start", WordEnd = "word_end", Level = "level", Patch = "patch", Score = "score";

    private const int BoxLength = 4;

    /// <summary>The foreground box of every row, null where there is none.</summary>
    public static async ValueTask<IReadOnlyList<int>?[]> ReadBoxesAsync(ColumnReader columns, ShardFile file, RowGroupLocation location)
    {
        var boxes = new IReadOnlyList<int>?[location.RowCount];
        if (file.ListElement<int>(RawSchema.ForegroundBox) is not { } field)
            return boxes;
        var lists = await columns.ReadListsAsync<int>(field);
        for (var row = 0; row < boxes.Length; row++)
        {
            if (lists[row].Count == 0)
                continue;
            if (lists[row] is not [>= 0, >= 0, _, _] box || box[2] <= box[0] || box[3] <= box[1])
                throw Wrong(file, location, row, $"a foreground box [{string.Join(", ", lists[row])}]", $"{BoxLength} numbers x1 < x2, y1 < y2");
            boxes[row] = box;
        }

        return boxes;
    }

    /// <summary>The word-patch alignments of every row.</summary>
    public static async ValueTask<IReadOnlyList<Alignment>[]> ReadAlignmentsAsync(ColumnReader columns, ShardFile file, RowGroupLocation location)
    {
        var alignments = new IReadOnlyList<Alignment>[location.RowCount];
        Array.Fill(alignments, []);
        if (file.ListElement<short>(RawSchema.Alignments, WordStart) is not { } startField)
            return alignments;
        var starts = await columns.ReadListsAsync<short>(startField);
        var ends = await columns.ReadListsAsync<short>(file.ListElement<short>(RawSchema.Alignments, WordEnd)!);
        var levels = await columns.ReadListsAsync<sbyte>(file.ListElement<sbyte>(RawSchema.Alignments, Level)!);
        var patches = await columns.ReadListsAsync<sbyte>(file.ListElement<sbyte>(RawSchema.Alignments, Patch)!);
        var scores = await columns.ReadListsAsync<float>(file.ListElement<float>(RawSchema.Alignments, Score)!);
        for (var row = 0; row < alignments.Length; row++)
        {
            var count = starts[row].Count;
            if (ends[row].Count != count || levels[row].Count != count || patches[row].Count != count || scores[row].Count != count)
                throw Wrong(file, location, row, "an alignment with a missing number (null)", "all five numbers");
            var list = new Alignment[count];
            for (var i = 0; i < count; i++)
            {
                var found = list[i] = new Alignment(starts[row][i], ends[row][i], levels[row][i], patches[row][i], scores[row][i]);
                if (!found.IsPossible)
                    throw Wrong(file, location, row, $"the alignment {found}", Alignment.Possible);
            }

            alignments[row] = list;
        }

        return alignments;
    }

    private static KaleidoException Wrong(ShardFile file, RowGroupLocation location, int row, string found, string expected)
        => new($"Row {row} of row group {location.GroupInFile} of '{file.Path}' has {found}; expected {expected}. Write the data set again.");
}
