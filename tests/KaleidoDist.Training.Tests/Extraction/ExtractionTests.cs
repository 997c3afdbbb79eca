using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

public sealed class ExtractionTests(ExtractionJob job) : IClassFixture<ExtractionJob>
{
    [Fact]
    public async Task OneTwoAndThreeRanksMakeTheSameBytes()
    {
        var port = new RecordingPort();
        Whole(port);
        Assert.Equal([TrainingEnd.Completed, TrainingEnd.Completed], Extract("two", 2));
        Assert.Equal([TrainingEnd.Completed, TrainingEnd.Completed, TrainingEnd.Completed], Extract("three", 3));
        Assert.Equal(["part-00000.parquet", "part-00001.parquet", "part-00002.parquet", "part-00003.parquet"], job.Files(Whole()).Select(file => file.Name));
        Assert.Equal(job.Files(Whole()), job.Files("two"));
        Assert.Equal(job.Files(Whole()), job.Files("three"));
        Assert.Equal((ExtractionJob.GroupCount, ExtractionJob.RowCount), ((int)port.Steps[^1].Step, (int)port.Steps[^1].Samples));

        // The bank mirrors its source, row by row.
        var bank = DatasetIndexer.Index(job[Whole()]);
        Assert.Equal(("kaleido-bank", 2048, 8L), (bank.Schema, bank.PatchFeatureSize, bank.RowCount));
        var (pictures, vectors) = (await Rows(job.Pictures), await Rows(bank));
        Assert.Equal(pictures.Select(r => (r.SampleIndex, r.SampleId, r.ProductId, r.ImageId, r.Text)), vectors.Select(r => (r.SampleIndex, r.SampleId, r.ProductId, r.ImageId, r.Text)));
        Assert.Equal([5], Enumerable.Range(0, 8).Where(i => vectors[i].Vectors is null));
        Assert.Equal(7, vectors.Where(r => r.Vectors is not null).Select(r => Convert.ToHexString(r.Vectors!.Features.Span)).Distinct().Count());
    }

    [Fact]
    public void AStoppedExtractionGoesOnWithWhatIsMissing()
    {
        var port = new RecordingPort();
        var setup = job.Setup("stopped") with { StopAfterStep = 1 };
        Assert.Equal([TrainingEnd.Stopped], Extract(setup, 1, port));
        Assert.InRange(port.Steps[^1].Step, 1, ExtractionJob.GroupCount - 1);
        var first = job.Files("stopped");
        Assert.InRange(first.Length, 1, ExtractionJob.GroupCount - 1);
        var written = File.GetLastWriteTimeUtc(job["stopped/part-00000.parquet"]);
        File.WriteAllText(job["stopped/.part-00003.parquet.g7-p1.partial"], "of a rank that was killed");

        Assert.Equal([TrainingEnd.Completed, TrainingEnd.Completed], Extract("stopped", 2));
        Assert.Equal(job.Files(Whole()), job.Files("stopped"));
        Assert.Equal(written, File.GetLastWriteTimeUtc(job["stopped/part-00000.parquet"]));
    }

    [Fact]
    public void AFileOfAnotherBankIsNotWrittenOver()
    {
        Directory.CreateDirectory(job["foreign"]);
        File.Copy(job.Pictures.Files[0].Path, job["foreign/part-00002.parquet"]);
        var error = Assert.Throws<KaleidoException>(() => Extract("foreign", 1));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.StartsWith($"'{job["foreign/part-00002.parquet"]}' is there already and is another bank's: made by nothing known from something unknown", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("name another 'extract.output', or remove the old bank.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightsThatCannotBeUsedAreNamed()
    {
        Assert.Contains("there is no such file", Refusal(job["none.safetensors"]), StringComparison.Ordinal);
        var layout = ResNet50Weights.Layout;
        Write(layout.Slots.Where(s => s.Name != "layer3.1.bn2.running_mean").Select(s => (s.Name, s.Shape)));
        Assert.Contains("it has no tensor 'layer3.1.bn2.running_mean'. Expected torchvision's ResNet-50", Refusal(job["w.safetensors"]), StringComparison.Ordinal);
        Write(layout.Slots.Select(s => (s.Name, s.Name == "layer4.0.conv2.weight" ? [512, 512, 3] : s.Shape)));
        Assert.Contains("its tensor 'layer4.0.conv2.weight' is F32[512, 512, 3]; expected F32[512, 512, 3, 3]", Refusal(job["w.safetensors"]), StringComparison.Ordinal);

        string Refusal(string weights)
        {
            var error = Assert.Throws<KaleidoException>(() => new ExtractionWork(job.Setup("refused", weights), TimeProvider.System));
            Assert.Equal(ExitCode.Usage, error.ExitCode);
            Assert.StartsWith($"'extract.weights' is '{weights}', which cannot be used: ", error.Message, StringComparison.Ordinal);
            return error.Message;
        }

        // A sparse file: only its header is looked at.
        void Write(IEnumerable<(string Name, IReadOnlyList<long> Shape)> tensors)
        {
            long offset = 0;
            var entries = new List<string>();
            foreach (var (name, shape) in tensors)
            {
                var bytes = shape.Aggregate(4L, (product, size) => product * size);
                entries.Add($"\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{offset},{offset += bytes}]}}");
            }

            var header = System.Text.Encoding.UTF8.GetBytes($"{{{string.Join(',', entries)}}}");
            using var file = File.Create(job["w.safetensors"]);
            file.Write(BitConverter.GetBytes((long)header.Length));
            file.Write(header);
            file.SetLength(8 + header.Length + offset);
        }
    }

    [Fact]
    public void ABankThatWasExtractedTrains()
    {
        using var training = new MicroTraining("model.patch_encoder=bank", "model.patch_feature_size=2048", "training.steps=1", "training.global_batch_size=8", "data.max_bad_rows=1");
        training.Setup = training.Setup with { Train = DatasetIndexer.Index(job[Whole()]), Validation = null };
        var port = new RecordingPort { OnPropose = training.Commit };
        Assert.Equal(TrainingEnd.Completed, training.Train(port).End);
        Assert.True(double.IsFinite(port.Steps[0].TotalLoss));
        Assert.Equal(1, port.Steps[0].ReplacedSamples);
    }

    /// <summary>The folder of an extraction on one rank, made once, or looked at again: then all of it is there.</summary>
    private string Whole(RecordingPort? port = null)
    {
        const string output = "whole";
        if (port is not null || !Directory.Exists(job[output]))
            Assert.Equal([TrainingEnd.Completed], Extract(output, 1, port));
        return output;
    }

    private TrainingEnd[] Extract(string output, int ranks, RecordingPort? port = null) => Extract(job.Setup(output), ranks, port);

    private static TrainingEnd[] Extract(TrainerSetup setup, int ranks, RecordingPort? port = null)
    {
        var ends = new TrainingEnd[ranks];
        using var world = new MicroTraining();
        world.Setup = world.Setup with { Spec = world.Setup.Spec with { Training = setup.Spec.Training } };
        LoopbackWorld.Run(world, ranks, (rank, collective) =>
        {
            using var work = new ExtractionWork(setup, TimeProvider.System);
            var own = rank == 0 && port is not null ? port : new RecordingPort();
            work.Agree(collective, own);
            ends[rank] = work.Run(new FormGeneration(), collective, own);
        });
        return ends;
    }

    private static async Task<List<RawRow>> Rows(Contracts.DatasetManifest manifest)
    {
        var table = new RowGroupTable(manifest);
        await using var reader = new RowGroupReader(manifest, table, 1);
        List<RawRow> rows = [];
        for (long group = 0; group < table.GroupCount; group++)
            rows.AddRange((await reader.ReadAsync(group)).Rows);
        return rows;
    }
}
