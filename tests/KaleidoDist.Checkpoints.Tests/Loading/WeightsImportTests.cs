using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Weights that are taken from elsewhere by their names.</summary>
public sealed class WeightsImportTests
{
    private static readonly (string, long[])[] Own =
    [
        ("bert.embeddings.word_embeddings.weight", [6, 4]),
        ("bert.embeddings.LayerNorm.weight", [4]),
        ("bert.embeddings.LayerNorm.bias", [4]),
        ("bert.patch_embeddings.type_embeddings.weight", [3, 4]),
        ("cls.seq_relationship.weight", [2, 4]),
        ("cls.seq_relationship.bias", [2]),
    ];

    [Fact]
    public void BertIsTakenByNameWithItsMatchRowsSwappedAndTheRestIsNamed()
    {
        using var folder = new TemporaryFolder();
        using var bert = Filled(
        [
            ("bert.embeddings.word_embeddings.weight", [5, 4]), // another vocabulary
            ("bert.embeddings.LayerNorm.gamma", [4]),
            ("bert.embeddings.LayerNorm.beta", [4]),
            ("cls.predictions.decoder.weight", [6, 4]),
            ("cls.seq_relationship.weight", [2, 4]),
            ("cls.seq_relationship.bias", [2]),
        ]);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["bert.safetensors"], bert.Sources, new Dictionary<string, string>());
        using var model = new NativeTensors(Own);

        var report = new WeightsImport(folder["bert.safetensors"]).Load(model.Destinations);

        Assert.True(report.IsForeign);
        Assert.Equal(["bert.embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.weight", "cls.seq_relationship.bias", "cls.seq_relationship.weight"], report.Loaded.Order(StringComparer.Ordinal));
        Assert.Equal(["bert.patch_embeddings.type_embeddings.weight"], report.Kept);
        Assert.Equal(["cls.predictions.decoder.weight"], report.Unused);
        Assert.StartsWith("bert.embeddings.word_embeddings.weight is ", Assert.Single(report.Different), StringComparison.Ordinal);
        Assert.Equal($"starts from BERT weights in '{folder["bert.safetensors"]}': 4 of 6 weights loaded, 1 tensors there not used", report.Lines.First());
        Assert.Equal(Floats(bert, "bert.embeddings.LayerNorm.gamma"), Floats(model, "bert.embeddings.LayerNorm.weight"));
        var rows = Floats(bert, "cls.seq_relationship.weight");
        Assert.Equal([.. rows[4..], .. rows[..4]], Floats(model, "cls.seq_relationship.weight"));
        var biases = Floats(bert, "cls.seq_relationship.bias");
        Assert.Equal([biases[1], biases[0]], Floats(model, "cls.seq_relationship.bias"));
        Assert.All(Floats(model, "bert.patch_embeddings.type_embeddings.weight"), value => Assert.Equal(0, value));
    }

    [Fact]
    public void ARunsNewestCheckpointIsTakenFromAllItsShardsAsItIs()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        using NativeTensors weights = Filled(Own), moments = Filled(Own);
        var whole = new CheckpointSnapshot
        {
            JobId = "job-1", Generation = 1, Step = 7, State = new TrainingState(7), WeightsXxh128 = WeightsHash.Compute(weights.Sources),
            Weights = weights.Sources, FirstMoments = moments.Sources, SecondMoments = moments.Sources,
        };
        CheckpointShard[] shards = [.. Enumerable.Range(1, 2).Select(shard => new CheckpointShardWriter(folder.Path).Write(whole.Share(shard, 2)))];
        var manifest = Assert.IsType<CommitResult.Committed>(run.Catalog.Commit(run.Proposal(7, shards[0] with { Files = [.. shards.SelectMany(s => s.Files)] }), run.Lineage)).Manifest;
        using var model = new NativeTensors(Own);

        var report = new WeightsImport(folder.Path).Load(model.Destinations);

        Assert.Equal((false, 6, 0, 0, 0), (report.IsForeign, report.Loaded.Count, report.Kept.Count, report.Different.Count, report.Unused.Count));
        Assert.Equal(weights.AllBytes(), model.AllBytes());

        var damaged = run.DataFile(manifest, manifest.Files.First(f => f.Name.StartsWith("model", StringComparison.Ordinal)).Name);
        var bytes = File.ReadAllBytes(damaged);
        bytes[^1] ^= 1;
        File.WriteAllBytes(damaged, bytes);
        Assert.Contains("is damaged: its xxh128 is", Assert.Throws<KaleidoException>(() => new WeightsImport(folder.Path).Load(model.Destinations)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorType.BF16, 0x3FC0)]
    [InlineData(TensorType.F16, 0x3E00)]
    public void NarrowFloatsAreWidened(TensorType type, ushort oneAndAHalf)
    {
        using var folder = new TemporaryFolder();
        using var bert = new NativeTensors([("pooler.dense.bias", [3])], type);
        for (var i = 0; i < 3; i++)
            Marshal.WriteInt16(bert.Destinations[0].Address, 2 * i, (short)oneAndAHalf);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["a.safetensors"], bert.Sources, new Dictionary<string, string>());
        using var model = new NativeTensors([("bert.pooler.dense.bias", [3])]);
        new WeightsImport(folder.Path).Load(model.Destinations);
        Assert.Equal([1.5f, 1.5f, 1.5f], Floats(model, "bert.pooler.dense.bias"));
    }

    [Fact]
    public void WhatAnIndexNamesIsTakenAndNothingElseThatLiesThere()
    {
        using var folder = new TemporaryFolder();
        using var bert = Filled([("bert.embeddings.LayerNorm.gamma", [4]), ("bert.embeddings.LayerNorm.beta", [4])]);
        Write("model-00001-of-00002.safetensors", bert.Sources[0]);
        Write("model-00002-of-00002.safetensors", bert.Sources[1]);
        Write("consolidated.safetensors", [.. bert.Sources]); // the same once more: read without an index, it would be there twice
        var index = folder["model.safetensors.index.json"];
        File.WriteAllText(index, """{"metadata": {"total_size": 32}, "weight_map": {"bert.embeddings.LayerNorm.beta": "model-00002-of-00002.safetensors", "bert.embeddings.LayerNorm.gamma": "model-00001-of-00002.safetensors"}}""");

        foreach (var named in new[] { folder.Path, index })
        {
            using var model = new NativeTensors(Own);
            Assert.Equal(["bert.embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.weight"], new WeightsImport(named).Load(model.Destinations).Loaded.Order(StringComparer.Ordinal));
            Assert.Equal(Floats(bert, "bert.embeddings.LayerNorm.gamma"), Floats(model, "bert.embeddings.LayerNorm.weight"));
        }

        void Write(string name, params IReadOnlyList<TensorSource> tensors) => SafetensorsWriter.Write(PosixStorage.Instance, folder[name], tensors, new Dictionary<string, string>());
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../a.safetensors"}}""", "the index names '../a.safetensors'; expected a safetensors file beside it")]
    [InlineData("""{"weight_map": {"a": "a.bin"}}""", "the index names 'a.bin'; expected a safetensors file beside it")]
    [InlineData("""{"weight_map": {}}""", "the index names no tensor")]
    [InlineData("""{"metadata": {}}""", "the index cannot be read: ")]
    [InlineData("""{"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}}""", "the index cannot be read: ")]
    [InlineData("""{"weight_map": {"a": null}}""", "the index names ''")]
    [InlineData("""{"weight_map": {"other": "a.safetensors"}}""", "a.safetensors' has no tensor 'other', which the index says it has")]
    [InlineData("""{"weight_map": {"a": "absent.safetensors"}}""", "absent.safetensors' does not exist")]
    public void AnIndexIsHostileUntilChecked(string text, string problem)
    {
        using var folder = new TemporaryFolder();
        using var model = new NativeTensors(Own);
        using var a = new NativeTensors([("a", [2])]);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["a.safetensors"], a.Sources, new Dictionary<string, string>());
        File.WriteAllText(folder["model.safetensors.index.json"], text);

        var error = Assert.Throws<KaleidoException>(() => new WeightsImport(folder.Path).Load(model.Destinations));

        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeUsedIsAnErrorThatSaysWhy()
    {
        using var folder = new TemporaryFolder();
        using var model = new NativeTensors(Own);
        using var other = new NativeTensors([("decoder.weight", [2])]);
        SafetensorsWriter.Write(PosixStorage.Instance, folder["other.safetensors"], other.Sources, new Dictionary<string, string>());
        File.WriteAllBytes(folder["pytorch_model.bin"], [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20]);
        Directory.CreateDirectory(folder["empty"]);
        Assert.Contains("has no weight of this model (1 other tensors", Error(folder["other.safetensors"]), StringComparison.Ordinal);
        Assert.Contains("cannot be read: KD-A111 it is a pickle", Error(folder["pytorch_model.bin"]), StringComparison.Ordinal);
        Assert.Contains("does not exist", Error(folder["absent.safetensors"]), StringComparison.Ordinal);
        Assert.Contains("has neither a checkpoint nor a safetensors file", Error(folder["empty"]), StringComparison.Ordinal);

        string Error(string path)
        {
            var error = Assert.Throws<KaleidoException>(() => new WeightsImport(path).Load(model.Destinations));
            Assert.Equal(ExitCode.Usage, error.ExitCode);
            return error.Message;
        }
    }

    private static NativeTensors Filled((string, long[])[] form)
    {
        var tensors = new NativeTensors(form);
        var value = 1f;
        foreach (var tensor in tensors.Destinations)
        {
            for (var offset = 0; offset < tensor.Bytes; offset += sizeof(float))
                Marshal.WriteInt32(tensor.Address, offset, BitConverter.SingleToInt32Bits(value++));
        }

        return tensors;
    }

    private static float[] Floats(NativeTensors tensors, string name) => MemoryMarshal.Cast<byte, float>(tensors.Bytes(name)).ToArray();
}
