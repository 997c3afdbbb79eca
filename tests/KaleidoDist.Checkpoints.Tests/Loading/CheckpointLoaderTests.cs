using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class CheckpointLoaderTests
{
    [Fact]
    public void WeightsMomentsAndStateComeBackBitForBit()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        run.Save(20);
        using var weights = new NativeTensors();
        using var first = new NativeTensors();
        using var second = new NativeTensors();

        var state = new CheckpointLoader(folder.Path).Load(run.Catalog.Read(2), weights.Destinations, first.Destinations, second.Destinations);

        Assert.Equal(20, state.OptimizerStep);
        Assert.Equal([Seeded(20), Seeded(1020), Seeded(2020)], [weights.AllBytes(), first.AllBytes(), second.AllBytes()]);
        Assert.Equal(run.Catalog.Read(2).WeightsXxh128, WeightsHash.Compute(weights.Sources));

        new CheckpointLoader(folder.Path).LoadWeights(run.Catalog.Read(1), weights.Destinations);
        Assert.Equal(Seeded(10), weights.AllBytes());
    }

    [Fact]
    public void ValuesOfTheStateComeBack()
    {
        var state = new TrainingState(7) { Values = new Dictionary<string, string> { ["plateau"] = "3" } };
        var read = TrainingState.FromUtf8(state.ToUtf8());
        Assert.Equal((7, "3"), (read.OptimizerStep, read.Values["plateau"]));
        Assert.Equal(2, TrainingState.FromUtf8("""{"optimizerStep":2,"newer":[1]}"""u8).OptimizerStep);
        Assert.Throws<InvalidDataException>(() => TrainingState.FromUtf8("{}"u8));
        Assert.Throws<InvalidDataException>(() => TrainingState.FromUtf8("null"u8));
    }

    [Fact]
    public void ACheckpointOfAnotherModelIsRefusedWithTheFirstDifferencesBeforeAnyByteIsStored()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var manifest = run.Save(10);
        using var other = new NativeTensors([("bert.embeddings.weight", [31, 4]), ("Zeta.bias", [7]), ("head.a", [1]), ("head.b", [1]), ("head.c", [1]), ("head.d", [1])]);

        var error = Assert.Throws<KaleidoException>(() => new CheckpointLoader(folder.Path).LoadWeights(manifest, other.Destinations));

        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Equal(
            $"Checkpoint 1 of '{folder.Path}' is a checkpoint of another model: missing: 'head.a', 'head.b', 'head.c' and 1 more; "
            + "unexpected: 'empty', 'encoder.layer.10.weight', 'encoder.layer.2.weight' and 1 more; "
            + "different: 'bert.embeddings.weight' is F32[30, 4], expected F32[31, 4]. "
            + "Use the model it was trained with, or give this job another checkpoint.uri.",
            error.Message);
        Assert.All(other.AllBytes(), b => Assert.Equal(0, b));
    }

    [Fact]
    public void AnotherTypeIsAnotherModelAlsoInTheMoments()
    {
        using var folder = new TemporaryFolder();
        var manifest = new Run(folder.Path).Save(10);
        using var weights = new NativeTensors();
        using var half = new NativeTensors(type: TensorType.BF16);
        var error = Assert.Throws<KaleidoException>(() => new CheckpointLoader(folder.Path).Load(manifest, weights.Destinations, half.Destinations, weights.Destinations));
        Assert.Contains("'exp_avg/Zeta.bias' is F32[7], expected BF16[7]", error.Message);
    }

    [Fact]
    public void DamageFoundWhileLoadingIsAnErrorThatARestartCanHeal()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var manifest = run.Save(10);
        using var tensors = new NativeTensors();
        foreach (var file in manifest.Files)
        {
            var path = run.DataFile(manifest, file.Name);
            var whole = File.ReadAllBytes(path);
            var flipped = (byte[])whole.Clone();
            flipped[^2] ^= 4;
            foreach (var damaged in new[] { flipped, whole[..^1], null })
            {
                if (damaged is null)
                    File.Delete(path);
                else
                    File.WriteAllBytes(path, damaged);
                var error = Assert.Throws<KaleidoException>(
                    () => new CheckpointLoader(folder.Path).Load(manifest, tensors.Destinations, tensors.Destinations, tensors.Destinations));
                Assert.Equal(ExitCode.Failed, error.ExitCode);
                Assert.StartsWith($"KD-S110 Checkpoint 1 of '{folder.Path}' is damaged ({file.Name}: it", error.Message);
            }

            File.WriteAllBytes(path, whole);
        }
    }

    [Fact]
    public void ATensorInTwoFilesIsDamage()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var manifest = run.Save(10);
        var model = manifest.Files[0];
        File.Copy(run.DataFile(manifest, model.Name), run.DataFile(manifest, "model-00002-of-00002.safetensors"));
        using var tensors = new NativeTensors();
        var doubled = manifest with { Files = [.. manifest.Files, model with { Name = "model-00002-of-00002.safetensors" }] };
        Assert.Contains("is in another file too", Assert.Throws<KaleidoException>(() => new CheckpointLoader(folder.Path).LoadWeights(doubled, tensors.Destinations)).Message);
    }

    private static byte[] Seeded(int seed)
    {
        using var tensors = NativeTensors.Seeded(seed);
        return tensors.AllBytes();
    }
}
