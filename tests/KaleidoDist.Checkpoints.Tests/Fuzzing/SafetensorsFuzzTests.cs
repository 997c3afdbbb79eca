using System.Text;
using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class SafetensorsFuzzTests(ITestOutputHelper output)
{
    /// <summary>With those of <see cref="ManifestFuzzTests"/> a million.</summary>
    private const int InputCount = 600_000;

    /// <summary>For an input of at most <see cref="Mutator.MaxBytes"/>, the text of its refusal included.</summary>
    private const long MaxAllocationBytes = 1 << 20;

    private static readonly string[] Good =
    [
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}""",
        """{"__metadata__":{"format":"pt","step":"10"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}""",
        """{"z":{"dtype":"F32","shape":[0],"data_offsets":[12,12]},"a":{"dtype":"I32","shape":[3],"data_offsets":[0,12]},"y":{"shape":[3,0],"data_offsets":[0,0],"dtype":"I64"}}""",
        """{"scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"flag":{"dtype":"BOOL","shape":[1,1,1,4],"data_offsets":[8,12]}}                      """,
    ];

    /// <summary>Half good, half known bad.</summary>
    private static readonly byte[][] Corpus =
    [
        .. Enumerable.Repeat(Good, HostileHeaderTests.Hostile.Count / Good.Length).SelectMany(g => g)
            .Concat(HostileHeaderTests.Hostile.Select(row => (string)((object[])row)[0]))
            .Select(Encoding.UTF8.GetBytes),
    ];

    [Fact]
    public void MutatedFilesAreReadOrRefusedButNeverAnythingElse()
    {
        var result = Fuzzer.Run(InputCount, Inputs, Read);

        output.WriteLine($"{result}");
        Assert.Equal(InputCount, result.ReadCount + result.RefusedCount);
        Assert.InRange(result.ReadCount, InputCount / 100, InputCount / 2);
        Assert.InRange(result.LargestAllocationBytes, 1, MaxAllocationBytes);
    }

    /// <summary>Whole files of 12 or a few bytes of data. Most have the right length in front, else nothing behind it would be reached.</summary>
    private static Func<byte[]> Inputs(int seed)
    {
        var mutator = new Mutator(seed, Corpus);
        var random = new Random(~seed);
        return () =>
        {
            var header = mutator.Next();
            var length = random.Next(20) == 0 ? random.NextInt64() >> random.Next(64) : header.Length;
            var data = new byte[random.Next(4) == 0 ? random.Next(16) : 12];
            return [.. BitConverter.GetBytes(length), .. header, .. data];
        };
    }

    private static void Read(byte[] file)
    {
        using var reader = SafetensorsReader.Open(new BytesReader(file));
        long end = 0;
        var names = new HashSet<string>();
        foreach (var entry in reader.Header.Entries)
        {
            if (entry.Offset != end || entry.Bytes != TensorTypes.Bytes(entry.Type, entry.Shape) || !names.Add(entry.Name))
                throw new InvalidOperationException($"'{entry.Name}' was let through.");
            end += entry.Bytes;
        }

        if (reader.Header.DataStart + end != file.Length)
            throw new InvalidOperationException("Bytes that belong to no tensor were let through.");
        reader.ReadAll(new Dictionary<string, nint>());
    }
}
