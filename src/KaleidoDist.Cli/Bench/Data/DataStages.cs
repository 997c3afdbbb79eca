using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Training;

namespace KaleidoDist.Cli;

/// <summary>The stages of our data path, each alone, and all of them as a rank runs them. A thread takes every T-th row group.</summary>
internal sealed class DataStages(DataRows rows, ModelConfig model)
{
    /// <summary>Parquet row groups to rows, every column.</summary>
    internal const string Read = "read";

    /// <summary>Encoded pictures to pixels.</summary>
    internal const string Decode = "decode";

    /// <summary>Encoded pictures to the 55 clean patches of the whole picture.</summary>
    internal const string Cells = "decode and 55 cells";

    /// <summary>Decoded pictures to corrupted, labelled slots: tokens, cells, all seven tasks.</summary>
    internal const string Corrupt = "corrupt";

    /// <summary>Filled micro-batches to tensors.</summary>
    internal const string Batch = "batch";

    /// <summary>Parquet to leaves, as one rank a thread runs it.</summary>
    internal const string Whole = "whole pipeline";

    private const ulong Seed = 42;
    private const int VirtualRanks = 8, GlobalBatch = 32, MicroBatchSize = 4, ShuffleWindow = 4, TensorBatch = 16;

    /// <summary>Side of a cell in pixels.</summary>
    internal int CellSide => model.CellSide;

    /// <summary>Ours, in the order of the data path; each makes what it needs and returns what a turn runs and how many rows that handles.</summary>
    internal IEnumerable<(string Stage, Func<int, (Action Turn, long Rows)> Prepare)> All() =>
    [
        (Read, PrepareRead), (Decode, PrepareDecode), (Cells, PrepareCells), (Corrupt, PrepareCorrupt), (Batch, PrepareBatch), (Whole, PrepareWhole),
    ];

    private (Action Turn, long Rows) PrepareRead(int threads) => (() => OnThreads(threads, thread =>
    {
        var reader = new RowGroupReader(rows.Manifest, new RowGroupTable(rows.Manifest), groupCapacity: 1);
        for (var pass = 0; pass < rows.Passes; pass++)
        {
            for (var group = thread; group < rows.Groups.Count; group += threads)
                reader.ReadAsync(group).AsTask().GetAwaiter().GetResult();
        }

        reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }), rows.Count);

    private (Action Turn, long Rows) PrepareDecode(int threads) => (() => OnThreads(threads, thread =>
    {
        var decoder = new PictureDecoder();
        ForRowsOf(thread, threads, (group, row) =>
        {
            if (decoder.TryDecode(group.Rows[row].Image.Span, int.MaxValue, out var picture, out _))
                picture.Dispose();
        });
    }), rows.Count);

    private (Action Turn, long Rows) PrepareCells(int threads) => (() => OnThreads(threads, thread =>
    {
        var decoder = new PictureDecoder();
        var patches = new float[PatchLevels.PatchCount * KaleidoPatches.PatchLength(model.CellSide)];
        ForRowsOf(thread, threads, (group, row) =>
        {
            if (!decoder.TryDecode(group.Rows[row].Image.Span, int.MaxValue, out var picture, out _))
                return;
            using (picture)
                KaleidoPatches.Cut(picture, model.CellSide, patches);
        });
    }), rows.Count);

    // One epoch, so that after the first turn every picture a sample needs, the donors' too, is in the cache.
    private (Action Turn, long Rows) PrepareCorrupt(int threads)
    {
        var encoders = Enumerable.Range(0, threads).Select(_ => new KaleidoSampleEncoder(
            new SampleEncoderOptions { Model = model, Seed = Seed, FixedEpoch = 0, CropCacheBytes = long.MaxValue / 2 })).ToArray();
        return (() => OnThreads(threads, thread =>
        {
            var batch = new MicroBatch(1, model);
            ForRowsOf(thread, threads, (group, row) => encoders[thread].TryEncode(group, row, 0, batch, 0));
        }), rows.Count);
    }

    private (Action Turn, long Rows) PrepareBatch(int threads)
    {
        var batches = rows.Count / TensorBatch + 1;
        return (() => OnThreads(threads, thread =>
        {
            for (var batch = thread; batch < batches; batch += threads)
                BatchProbe.MakeTensors(new MicroBatch(TensorBatch, model), model);
        }), (long)batches * TensorBatch);
    }

    private (Action Turn, long Rows) PrepareWhole(int threads)
    {
        var steps = Math.Max(1, rows.Count / GlobalBatch);
        return (() => OnThreads(threads, thread =>
        {
            var encoder = new KaleidoSampleEncoder(new SampleEncoderOptions { Model = model, Seed = Seed });
            using var feed = new LeafFeed(
                new LeafFeedOptions
                {
                    Manifest = rows.Manifest, Shape = new PlanShape(VirtualRanks, GlobalBatch, ShuffleWindow), Seed = Seed, Model = model,
                    MicroBatchSize = MicroBatchSize, VirtualRanks = VirtualRankRange.Of(thread, threads, VirtualRanks), StartStep = 0, EndStep = steps,
                },
                encoder);
            while (feed.Next() is not null)
            {
            }
        }), (long)steps * GlobalBatch);
    }

    private void ForRowsOf(int thread, int threads, Action<RowGroup, int> act)
    {
        for (var pass = 0; pass < rows.Passes; pass++)
        {
            for (var group = thread; group < rows.Groups.Count; group += threads)
            {
                for (var row = 0; row < rows.Groups[group].Rows.Count; row++)
                    act(rows.Groups[group], row);
            }
        }
    }

    private static void OnThreads(int threads, Action<int> act)
        => Task.WaitAll([.. Enumerable.Range(0, threads).Select(thread => Task.Factory.StartNew(
            () => act(thread), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))]);
}
