using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>
/// A PNG with which a person checks samples by eye: each picture with its foreground box and how it was found, its kaleido patches as
/// they are and as a model sees them, the labels, the text with its hidden words, and aligned patches beside their words. Everything drawn is read back from an encoded micro-batch.
/// </summary>
public static class ContactSheet
{
    /// <summary>Draws samples picked by a seed into a PNG.</summary>
    /// <param name="groups">Row groups to pick from.</param>
    /// <param name="model">Sizes; needs the pixel patch encoder.</param>
    /// <param name="path">File to write; replaced where it exists.</param>
    /// <param name="seed">Picks the samples and keys their corruptions, as in a job of this seed.</param>
    /// <param name="samples">Most samples to draw; rows that cannot be used are passed over.</param>
    /// <exception cref="KaleidoException">No row can be used, or the file cannot be written.</exception>
    public static void Save(IReadOnlyList<RowGroup> groups, ModelConfig model, string path, ulong seed, int samples = 8)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samples);
        var options = new SampleEncoderOptions { Model = model, Seed = seed };
        var picked = Pick(groups, options, samples);
        if (picked.Count == 0)
            throw new KaleidoException(
                $"None of the {groups.Sum(g => g.Rows.Count)} rows has both a picture that decodes and a text; expected at least one to draw. "
                + "Run 'kaleido data inspect' on the file to see why.");

        using var bitmap = new SKBitmap(SampleCard.Width, SampleCard.Height * picked.Count);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.White);
            using var card = new SampleCard(canvas, options);
            for (var i = 0; i < picked.Count; i++)
                card.Draw(picked[i].Row, picked[i].Sample, SampleCard.Height * i);
        }

        Write(bitmap, path);
    }

    // Each row group gives as many as any other, up to one.
    private static List<(RawRow Row, MicroBatch Sample)> Pick(IReadOnlyList<RowGroup> groups, SampleEncoderOptions options, int samples)
    {
        var encoder = new KaleidoSampleEncoder(options);
        var random = new KeyedRandom(options.Seed, RandomPurpose.Import);
        var queues = new List<(RowGroup Group, Queue<int> Rows)>();
        foreach (var group in groups)
        {
            var rows = Enumerable.Range(0, group.Rows.Count).ToArray();
            random.Shuffle(rows.AsSpan());
            queues.Add((group, new Queue<int>(rows)));
        }

        var picked = new List<(RawRow, MicroBatch)>();
        while (picked.Count < samples && queues.Exists(queue => queue.Rows.Count > 0))
        {
            foreach (var (group, rows) in queues)
            {
                var sample = new MicroBatch(1, options.Model);
                if (picked.Count < samples && rows.TryDequeue(out var row) && encoder.TryEncode(group, row, 0, sample, 0))
                    picked.Add((group.Rows[row], sample));
            }
        }

        return picked;
    }

    private static void Write(SKBitmap bitmap, string path)
    {
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        try
        {
            using var file = File.Create(path);
            png.SaveTo(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KaleidoException($"Contact sheet '{path}' cannot be written: {e.Message} Expected a folder that exists and allows writing.", inner: e);
        }
    }
}
