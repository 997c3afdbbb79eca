using System.Text;
using System.Text.Json.Nodes;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class CheckpointManifestTests
{
    private static readonly CheckpointManifest Example = new()
    {
        Seq = 17,
        ParentSeq = 15,
        ParentHash = "sha256:" + new string('a', 64),
        Supersedes = [16],
        JobId = "jöb <1> & \"x\"",
        Generation = 3,
        Attempt = 1,
        Writer = "coordinator-a",
        CreatedUtc = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
        Kind = CheckpointKind.Preempt,
        Step = 1500,
        SamplesConsumed = 384_000,
        WorldSize = 4,
        VirtualRanks = 8,
        GlobalBatch = 256,
        ThreadsPerRank = 1,
        Data = new CheckpointDataState(new string('d', 64), "windowed-v1", ulong.MaxValue, 3, 47),
        ConfigHash = new string('c', 64),
        ModelHash = new string('m', 64),
        WeightsXxh128 = new string('e', 32),
        Software = new Dictionary<string, string> { ["torchsharp"] = "0.107.0", ["kaleido"] = "0.1.0" },
        Metrics = new Dictionary<string, double> { ["loss"] = 2.3125, ["nan"] = double.NaN, ["inf"] = double.NegativeInfinity },
        Files = [new CheckpointFile("model-00001-of-00001.safetensors", 1234, new string('f', 32), 6)],
    };

    [Fact]
    public void AManifestComesBackAsItWas()
    {
        var (utf8, stored) = CheckpointManifestJson.Encode(Example);
        var read = CheckpointManifestJson.Decode(utf8);
        Assert.Equal(stored.Self, read.Self);
        Assert.Equal(utf8, CheckpointManifestJson.Encode(read).Utf8);
        Assert.Equal(Example.Data, read.Data);
        Assert.Equal(Example.Files, read.Files);
        Assert.Equal(Example.Metrics, read.Metrics);
        Assert.Equal((17, 15, 1500, 384_000, CheckpointKind.Preempt, "jöb <1> & \"x\""), (read.Seq, read.ParentSeq, read.Step, read.SamplesConsumed, read.Kind, read.JobId));
    }

    [Fact]
    public void KeysAreSortedNotANumberIsAStringAndTheHashIsOfTheRest()
    {
        var text = Encoding.UTF8.GetString(CheckpointManifestJson.Encode(Example).Utf8);
        var keys = JsonNode.Parse(text)!.AsObject().Select(p => p.Key).ToList();
        Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
        Assert.Contains("\"nan\": \"NaN\"", text);
        Assert.Contains("\"inf\": \"-Infinity\"", text);
        Assert.Contains("\"kind\": \"preempt\"", text);

        // The hash as a person would compute it: drop the line of 'self', hash the text.
        var rest = string.Join('\n', text.Split('\n').Where(line => !line.StartsWith("  \"self\"", StringComparison.Ordinal)));
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(rest)));
        Assert.Contains($"\"self\": \"sha256:{hash}\"", text);
    }

    [Fact]
    public void FieldsOfANewerProgramAreKept()
    {
        var newer = Seal(fields => fields["rng"] = new JsonObject { ["kind"] = "philox4x32" });
        var read = CheckpointManifestJson.Decode(newer);
        Assert.Equal("philox4x32", read.UnknownFields!["rng"].GetProperty("kind").GetString());
        Assert.Equal(newer, CheckpointManifestJson.Encode(read).Utf8);
    }

    [Fact]
    public void AManifestForANewerReaderIsRefusedWithItsVersionAndIsNotDamage()
    {
        var newer = Seal(fields => fields["minReader"] = 2);
        Assert.Equal(
            "A checkpoint manifest needs reader version 2; this program reads version 1. Use the newer program that wrote it.",
            Assert.Throws<KaleidoException>(() => CheckpointManifestJson.Decode(newer)).Message);
    }

    [Fact]
    public void EveryFlippedBitIsFound()
    {
        var (utf8, _) = CheckpointManifestJson.Encode(Example);
        for (var bit = 0; bit < utf8.Length * 8; bit++)
        {
            utf8[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(utf8));
            utf8[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        CheckpointManifestJson.Decode(utf8);
    }

    [Fact]
    public void EveryTruncationIsFound()
    {
        var (utf8, _) = CheckpointManifestJson.Encode(Example);
        for (var length = 0; length < utf8.Length; length++)
            Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(utf8.AsSpan(0, length)));
    }

    public static TheoryData<string, string> BrokenRules => new()
    {
        { "seq", "0" }, { "parentSeq", "17" }, { "parentSeq", "-1" }, { "parentSeq", "0" }, { "parentHash", "null" }, { "attempt", "0" },
        { "step", "-1" }, { "samplesConsumed", "-5" }, { "worldSize", "0" }, { "worldSize", "9" }, { "globalBatch", "0" }, { "threadsPerRank", "0" },
        { "schema", "\"kaleido.checkpoint/9\"" }, { "weightsXxh128", "\"EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE\"" }, { "files", "[]" }, { "data", "null" },
        { "kind", "\"sometimes\"" }, { "kind", "1" }, { "metrics", "{\"loss\":\"many\"}" }, { "software", "null" }, { "seq", "\"17\"" },
        { "files", "[{\"name\":\"../../etc/passwd\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"/etc/passwd\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"..\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"a\\u0000b\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"a\",\"bytes\":-1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"a\",\"bytes\":1,\"xxh128\":\"short\",\"tensors\":0}]" },
        { "files", "[{\"name\":\"a\",\"bytes\":67108865,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0,\"chunksXxh3\":\"ffffffffffffffff\"}]" },
        { "files", "[{\"name\":\"a\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0,\"chunksXxh3\":\"FFFFFFFFFFFFFFFF\"}]" },
        { "files", "[{\"name\":\"a\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0},{\"name\":\"a\",\"bytes\":1,\"xxh128\":\"ffffffffffffffffffffffffffffffff\",\"tensors\":0}]" },
    };

    [Theory]
    [MemberData(nameof(BrokenRules))]
    public void AValueThatCannotBeIsRefusedEvenWithTheRightHash(string key, string value)
        => Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(Seal(fields => fields[key] = JsonNode.Parse(value))));

    [Fact]
    public void AMissingFieldIsRefusedAndNamed()
    {
        var error = Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(Seal(fields => fields.Remove("modelHash"))));
        Assert.Contains("modelHash", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"self\":1}")]
    [InlineData("{\"a\":\"\\ud800\",\"self\":\"x\"}")]
    [InlineData("{\"self\":\"x\",\"self\":\"x\"}")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],\"self\":\"x\"}")]
    public void TextThatIsNoManifestIsRefused(string text)
        => Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void TheWireFormHasWhatListsShow()
    {
        var info = CheckpointManifestJson.Encode(Example).Sealed.ToProto();
        Assert.Equal(
            (17, 1500, 3, 384_000, 4, 3, 1234, new string('e', 32), "preempt"),
            (info.Seq, info.Step, info.Epoch, info.Samples, info.WorldSize, info.Generation, info.Bytes, info.WeightsXxh128, info.Kind));
        Assert.Equal(Example.Files[0], CheckpointFile.FromProto(Example.Files[0].ToProto()));
    }

    /// <summary>The example with changed fields, in canonical form and with the right hash.</summary>
    private static byte[] Seal(Action<JsonObject> change)
    {
        var fields = JsonNode.Parse(CheckpointManifestJson.Encode(Example).Utf8)!.AsObject();
        fields.Remove("self");
        change(fields);
        var self = "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Canonical(fields)));
        fields["self"] = self;
        return Canonical(fields);
    }

    private static byte[] Canonical(JsonObject fields)
    {
        var sorted = new JsonObject(fields.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Key, f.Value?.DeepClone())));
        return Encoding.UTF8.GetBytes(sorted.ToJsonString(new System.Text.Json.JsonSerializerOptions
        {
            WriteIndented = true,
            NewLine = "\n",
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }));
    }

    [Theory]
    [InlineData("""{"\ud800":1,"a":2}""")]
    [InlineData("""{"self":"\udc00"}""")]
    [InlineData("""{"a":{"\ud800\ud800":1,"b":2}}""")]
    public void TextThatIsNotUnicodeIsDamageAndNothingElse(string json)
        => Assert.Throws<InvalidDataException>(() => CheckpointManifestJson.Decode(Encoding.UTF8.GetBytes(json)));
}
