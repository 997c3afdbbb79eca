using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using KaleidoDist.Contracts;
using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class ManifestFuzzTests(ITestOutputHelper output)
{
    /// <summary>With those of <see cref="SafetensorsFuzzTests"/> a million.</summary>
    private const int InputCount = 400_000;
    private const int SealedCount = 20_000;

    /// <summary>For an input of at most <see cref="Mutator.MaxBytes"/>, the text of its refusal included.</summary>
    private const long MaxAllocationBytes = 1 << 20;

    private static readonly JsonWriterOptions Spelling = new() { Indented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly byte[][] Corpus = [Manifest(fileCount: 1), Manifest(fileCount: 3), "{}"u8.ToArray()];

    [Fact]
    public void MutatedManifestsAreReadOrRefusedButNeverAnythingElse()
    {
        var result = Fuzzer.Run<byte[]>(InputCount, seed => new Mutator(seed, Corpus).Next, Read);

        output.WriteLine($"{result}");
        Assert.Equal(InputCount, result.ReadCount + result.RefusedCount);
        Assert.InRange(result.LargestAllocationBytes, 1, MaxAllocationBytes);

        static void Read(byte[] input)
        {
            CheckpointManifestJson.Decode(input);
            if (!Corpus.Any(original => original.AsSpan().SequenceEqual(input)))
                throw new InvalidOperationException("A changed manifest was let through.");
        }
    }

    /// <summary>A forger can compute hashes too: these reach what comes after the hash.</summary>
    [Fact]
    public void MutatedManifestsWithTheirHashPutRightAreReadOrRefusedButNeverAnythingElse()
    {
        var result = Fuzzer.Run<byte[]>(SealedCount, Inputs, input => CheckpointManifestRules.Require(CheckpointManifestJson.Decode(input)));

        output.WriteLine($"{result}");
        Assert.Equal(SealedCount, result.ReadCount + result.RefusedCount);
        Assert.InRange(result.ReadCount, SealedCount / 20, SealedCount);
        Assert.InRange(result.LargestAllocationBytes, 1, MaxAllocationBytes);

        static Func<byte[]> Inputs(int seed)
        {
            var mutator = new Mutator(seed, Corpus);
            return () =>
            {
                while (true)
                {
                    if (TrySeal(mutator.Next()) is { } input)
                        return input;
                }
            };
        }
    }

    private static byte[] Manifest(int fileCount) => CheckpointManifestJson.Encode(new CheckpointManifest
    {
        Seq = 2, ParentSeq = 1, ParentHash = "sha256:" + new string('0', 64), JobId = "j", Generation = 1, Attempt = 1, Writer = "w", CreatedUtc = MemoryStorage.Modified,
        Kind = CheckpointKind.Periodic, Step = 100, SamplesConsumed = 3200, WorldSize = 2, VirtualRanks = 8, GlobalBatch = 32, ThreadsPerRank = 1,
        Data = new CheckpointDataState("d", "o", 42, 0, 100), ConfigHash = "c", ModelHash = "m", WeightsXxh128 = new string('a', 32),
        Software = new Dictionary<string, string> { ["kaleido"] = "1" }, Metrics = new Dictionary<string, double> { ["loss"] = double.NaN, ["x"] = 0.5 },
        Files = [.. Enumerable.Range(1, fileCount).Select(i => new CheckpointFile($"model-0000{i}-of-0000{fileCount}.safetensors", 4096, new string('b', 32), 1))],
    }).Utf8;

    /// <summary>Sorts, spells and hashes an object as the true writer does; null for anything that is no JSON object.</summary>
    private static byte[]? TrySeal(byte[] input)
    {
        try
        {
            if (JsonNode.Parse(input, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) is not JsonObject fields)
                return null;
            fields.Remove("self");
            fields["self"] = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Write(fields)));
            return Write(fields);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    private static byte[] Write(JsonObject fields)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Spelling))
            Sorted(fields)!.WriteTo(writer);
        return stream.ToArray();
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject inner => new JsonObject(inner.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Key, Sorted(f.Value)))),
        JsonArray array => new JsonArray([.. array.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
