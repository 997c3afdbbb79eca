using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads the vectors of a bank's row group and checks their sizes: they are indexed into later.</summary>
internal static class BankReader
{
    /// <summary>Vectors and positions of every row; null for a row whose picture did not decode when the bank was made.</summary>
    public static async ValueTask<BankVectors?[]> ReadVectorsAsync(ColumnReader columns, ShardFile file, RowGroupLocation location)
    {
        var bytes = BankLayout.ByteCount(file.Bank!.FeatureSize);
        var features = await columns.ReadAsync<ReadOnlyMemory<byte>>(BankSchema.Features);
        var positions = await columns.ReadListsAsync<float>(file.ListElement<float>(BankSchema.Positions)
            ?? throw KaleidoException.Usage($"'{file.Path}' has no column '{BankSchema.Positions}' (list of float); expected one in a bank. Extract it again with 'training.task: extract'."));
        var vectors = new BankVectors?[location.RowCount];
        for (var row = 0; row < vectors.Length; row++)
        {
            if (features[row].IsEmpty)
                continue;
            if (features[row].Length != bytes)
                throw Wrong(row, $"{features[row].Length:N0} bytes of vectors", $"{bytes:N0}, {BankLayout.VectorCount} vectors of {file.Bank.FeatureSize} half-precision numbers");
            if (positions[row].Count != BankSchema.PositionCount || !positions[row].TrueForAll(float.IsFinite))
                throw Wrong(row, $"{positions[row].Count} positions", $"{BankSchema.PositionCount} finite numbers");
            vectors[row] = new BankVectors(features[row], positions[row]);
        }

        return vectors;

        KaleidoException Wrong(int row, string found, string expected)
            => new($"Row {row} of row group {location.GroupInFile} of '{file.Path}' has {found}; expected {expected}. Extract the bank again with 'training.task: extract'.");
    }
}
