using System.Buffers.Binary;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

/// <summary>Banks whose vectors are numbers: element e of vector v of a sample tells all three.</summary>
internal static class BankFiles
{
    public const int FeatureSize = 16;

    public static BankProperties Properties { get; } = new() { Backbone = "numbers", WeightsXxh128 = "00", FeatureSize = FeatureSize, CellSide = 32 };

    /// <summary>Element e of a vector, which half precision holds exactly.</summary>
    public static float Element(long sample, int vector, int element) => ((sample % 8 * 128) + vector) / (float)(1 << (element % 4));

    public static float[] Vector(long sample, int vector) => [.. Enumerable.Range(0, FeatureSize).Select(element => Element(sample, vector, element))];

    /// <summary>The same row with vectors in place of its picture.</summary>
    public static RawRow Row(RawRow row)
    {
        var features = new byte[BankLayout.ByteCount(FeatureSize)];
        for (var i = 0; i < features.Length / 2; i++)
            BinaryPrimitives.WriteHalfLittleEndian(features.AsSpan(2 * i), (Half)Element(row.SampleIndex, i / FeatureSize, i % FeatureSize));
        var positions = new float[BankSchema.PositionCount];
        KaleidoPatches.WritePositions(112 + (int)row.SampleIndex, 112, positions);
        return row with { Image = default, Vectors = new BankVectors(features, positions) };
    }

    public static RowGroup Group(RowGroup pictures) => pictures with { Rows = [.. pictures.Rows.Select(Row)] };

    public static async Task WriteAsync(string path, BankProperties properties, params IReadOnlyList<RawRow>[] groups)
    {
        await using var stream = File.Create(path);
        await using var writer = await BankParquetWriter.CreateAsync(stream, properties);
        foreach (var rows in groups)
            await writer.WriteGroupAsync(rows);
    }
}
