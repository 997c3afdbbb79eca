using System.Globalization;
using KaleidoDist.Contracts;
using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>
/// Draws one sample: picture and box on the left; five levels of clean patches, below them the same levels as the model gets them, each
/// under its label; on the right the text, and below it the patches that are aligned with a word.
/// </summary>
internal sealed class SampleCard : IDisposable
{
    /// <summary>Pixels.</summary>
    public const int Width = Margin + PictureSide + Gap + PatchLevels.Count * (GridSide + Gap) + TextWidth + Margin;

    /// <summary>Pixels.</summary>
    public const int Height = TitleHeight + 2 * (CaptionHeight + GridSide) + RowGap + 2 * Margin;

    private const int Margin = 16, Gap = 20, TitleHeight = 30, CaptionHeight = 24, RowGap = 10;
    private const int PictureSide = 300, GridSide = 150, TextWidth = 430;
    private const int ShownPairs = 5, AlignedPatchSide = 48, AlignmentHeight = CaptionHeight + AlignedPatchSide + 36;
    private const float FrameWidth = 3;

    private static readonly SKColor Ink = new(0x22, 0x22, 0x22), Faint = new(0x77, 0x77, 0x77), Rule = new(0xD8, 0xD8, 0xD8);
    private static readonly SKColor Changed = new(0xD6, 0x27, 0x28), Kept = new(0x2C, 0x7F, 0x3A);

    private readonly SKCanvas canvas;
    private readonly SampleEncoderOptions options;
    private readonly PictureDecoder decoder = new();
    private readonly SKFont titleFont = EmbeddedFont.OfSize(16);
    private readonly SKFont font = EmbeddedFont.OfSize(13);
    private readonly SKPaint fill = new() { IsAntialias = true };
    private readonly SKPaint stroke = new() { IsAntialias = true, IsStroke = true };
    private readonly int cellSide;
    private readonly float[] clean;

    public SampleCard(SKCanvas canvas, SampleEncoderOptions options)
    {
        this.canvas = canvas;
        this.options = options;
        cellSide = options.Model.CellSide;
        clean = new float[PatchLevels.PatchCount * KaleidoPatches.PatchLength(cellSide)];
    }

    /// <summary>Draws a row and slot 0 of the micro-batch it was encoded into.</summary>
    public void Draw(RawRow row, MicroBatch sample, int top)
    {
        Line(top + Height, Rule);
        top += Margin;
        Text($"sample {row.SampleIndex}", Margin, top, titleFont, Ink);
        Text($"product {row.ProductId}   {row.Category} / {row.Subcategory}", Margin + PictureSide + Gap, top, font, Faint);
        top += TitleHeight;

        if (!decoder.TryDecode(row.Image.Span, KaleidoSampleEncoder.MinimumDecodedSide(options.Model), out var picture, out var reason))
            throw new KaleidoException($"The picture of sample {row.SampleIndex} decoded once and now does not: {reason}. Run the command again.");
        using (picture)
        {
            var found = ForegroundBox.Locate(row.ForegroundBox, picture);
            DrawPicture(picture, found, top + CaptionHeight);
            using var crop = picture.Crop(found.Box);
            KaleidoPatches.Cut(crop, cellSide, clean);
        }

        DrawLevels(sample, top);
        const int left = Margin + PictureSide + Gap + PatchLevels.Count * (GridSide + Gap);
        DrawText(sample, left, top);
        DrawAlignments(row, sample, left, top + 2 * (CaptionHeight + GridSide) + RowGap - AlignmentHeight);
    }

    public void Dispose()
    {
        titleFont.Dispose();
        font.Dispose();
        fill.Dispose();
        stroke.Dispose();
    }

    private void DrawPicture(Picture picture, Foreground found, int top)
    {
        var box = found.Box;
        var way = found.Way switch
        {
            ForegroundWay.Given => "given by the data set",
            ForegroundWay.Border => "found by the border",
            ForegroundWay.Saliency => "found by saliency",
            _ => "not found: the whole picture",
        };
        Text($"{picture.SourceWidth} x {picture.SourceHeight}, box {box.Width} x {box.Height} {way}", Margin, top - CaptionHeight, font, Ink);
        var scale = (float)PictureSide / Math.Max(picture.Width, picture.Height);
        var target = SKRect.Create(Margin, top, picture.Width * scale, picture.Height * scale);
        using var image = Image(picture.Width, picture.Height, (x, y) => (picture.Row(y)[3 * x], picture.Row(y)[3 * x + 1], picture.Row(y)[3 * x + 2]));
        canvas.DrawImage(image, target, new SKSamplingOptions(SKCubicResampler.Mitchell));
        Frame(target, Rule, 1);
        Frame(SKRect.Create(target.Left + box.X1 * scale, target.Top + box.Y1 * scale, box.Width * scale, box.Height * scale), Changed, 2);
    }

    private void DrawLevels(MicroBatch sample, int top)
    {
        for (var level = 1; level <= PatchLevels.Count; level++)
        {
            var left = Margin + PictureSide + Gap + (level - 1) * (GridSide + Gap);
            Text($"level {level}: {level} x {level}", left, top, font, Ink);
            DrawGrid(clean, level, left, top + CaptionHeight);

            var second = top + CaptionHeight + GridSide + RowGap;
            var (label, framed) = Label(sample, level);
            Text(label, left, second, font, Changed);
            DrawGrid(sample.Patches, level, left, second + CaptionHeight);
            foreach (var cell in framed)
                Frame(CellRect(level, cell, left, second + CaptionHeight), Changed, FrameWidth);
        }
    }

    private static (string Label, IEnumerable<long> Framed) Label(MicroBatch sample, int level)
    {
        switch (level)
        {
            case 1:
                return (string.Create(CultureInfo.InvariantCulture, $"rotated by {90 * sample.RotationLabels[0]}°"), []);
            case 2:
                var permutation = new int[Jigsaw.PatchCount];
                Jigsaw.Permutation((int)sample.JigsawLabels[0], permutation);
                return ($"jigsaw {string.Join(' ', permutation)} (no. {sample.JigsawLabels[0]})", []);
            case 3:
                return ($"camouflage: {sample.CamouflageLabels[0]}", sample.CamouflageLabels);
            case 4:
                return ($"grey: {string.Join(", ", sample.GreyPositions)}", sample.GreyPositions);
            default:
                return ($"blank: {string.Join(", ", sample.BlankPositions)}", sample.BlankPositions);
        }
    }

    private void DrawGrid(float[] patches, int level, int left, int top)
    {
        for (var cell = 0; cell < PatchLevels.Size(level); cell++)
            DrawPatch(patches, PatchLevels.Offset(level) + cell, CellRect(level, cell, left, top));
    }

    private void DrawPatch(float[] patches, int patch, SKRect rect)
    {
        var plane = cellSide * cellSide;
        var start = patch * 3 * plane;
        using var image = Image(cellSide, cellSide, (x, y) =>
        {
            var i = start + y * cellSide + x;
            return (Byte(patches[i]), Byte(patches[i + plane]), Byte(patches[i + 2 * plane]));
        });
        canvas.DrawImage(image, rect, new SKSamplingOptions(SKFilterMode.Nearest));
        Frame(rect, Rule, 1);

        static byte Byte(float value) => (byte)Math.Round((value + 1) * 127.5f);
    }

    private static SKRect CellRect(int level, long cell, int left, int top)
    {
        const float gap = 3;
        var side = (GridSide - gap * (level - 1)) / level;
        return SKRect.Create(left + cell % level * (side + gap), top + cell / level * (side + gap), side, side);
    }

    private void DrawText(MicroBatch sample, int left, int top)
    {
        var matches = sample.MatchLabels[0] == 1;
        Text(matches ? "text and picture match" : "mismatch: another product's text", left, top, font, matches ? Kept : Changed);

        // Restored pieces, the hidden ones with what stands in for them.
        var tokenizer = options.Tokenizer;
        var hidden = Enumerable.Range(0, sample.MaskedIds.Length).Where(i => sample.MaskedWeights[i] > 0)
            .ToDictionary(i => (int)sample.MaskedPositions[i], i => (int)sample.MaskedIds[i]);
        float x = left, y = top + CaptionHeight;
        for (var position = 1; position < sample.InputIds.Length && sample.InputIds[position] != tokenizer.SepId; position++)
        {
            var shown = tokenizer.Entry((int)sample.InputIds[position]);
            var original = hidden.TryGetValue(position, out var id) ? tokenizer.Entry(id) : null;
            var piece = original is null ? shown : original == shown ? $"{original} (kept)" : $"{original} → {shown}";
            var width = font.MeasureText(piece);
            if (x > left && x + width > left + TextWidth)
                (x, y) = (left, y + 22);
            if (original is not null)
                Highlight(SKRect.Create(x - 3, y - 1, width + 6, 19));
            Text(piece, x, y, font, Ink);
            x += width + 9;
        }

        Text($"{hidden.Count} of {sample.InputMask.Sum()} tokens hidden: original → what the model reads", left, y + 28, font, Faint);
    }

    /// <summary>Each aligned patch above its word, the strongest pairs first; what is hidden of a pair is in red.</summary>
    private void DrawAlignments(RawRow row, MicroBatch sample, int left, int top)
    {
        var ids = options.Tokenizer.Tokenize(row.Text, options.Model.TextLength).Ids;
        var pairs = row.Alignments.Where(pair => pair.Level is >= 3 and <= PatchLevels.Count && pair.Patch >= 0 && pair.Patch < PatchLevels.Size(pair.Level)
            && pair.WordStart >= 0 && pair.WordStart < pair.WordEnd && pair.WordEnd + 1 < ids.Count).OrderByDescending(pair => pair.Score).Take(ShownPairs).ToList();
        if (pairs.Count == 0)
            return;
        var isOwnText = sample.MatchLabels[0] == 1;
        Text(isOwnText ? "aligned patches and words, hidden sides in red" : "aligned with its own text only", left, top, font, isOwnText ? Ink : Faint);
        for (var i = 0; i < pairs.Count; i++)
        {
            var pair = pairs[i];
            var x = left + i * TextWidth / ShownPairs;
            var rect = SKRect.Create(x, top + CaptionHeight, AlignedPatchSide, AlignedPatchSide);
            DrawPatch(clean, PatchLevels.Offset(pair.Level) + pair.Patch, rect);
            if (HiddenPatches(sample, pair.Level).Contains(pair.Patch))
                Frame(rect, Changed, FrameWidth);
            var word = string.Concat(Enumerable.Range(1 + pair.WordStart, pair.WordEnd - pair.WordStart).Select(position => Piece(ids[position])));
            var wordIsHidden = isOwnText && Enumerable.Range(1 + pair.WordStart, pair.WordEnd - pair.WordStart)
                .Any(position => sample.MaskedPositions[..(int)sample.MaskedWeightSum].Contains(position));
            Text(word, x, top + CaptionHeight + AlignedPatchSide + 3, font, wordIsHidden ? Changed : Ink);
            Text($"{pair.Level} x {pair.Level}: {pair.Patch}", x, top + CaptionHeight + AlignedPatchSide + 20, font, Faint);
        }

        string Piece(int id) => options.Tokenizer.Entry(id) is var entry && entry.StartsWith("##", StringComparison.Ordinal) ? entry[2..] : entry;
    }

    private static long[] HiddenPatches(MicroBatch sample, int level)
        => level switch { 3 => sample.CamouflageLabels, 4 => sample.GreyPositions, _ => sample.BlankPositions };

    private void Highlight(SKRect rect)
    {
        fill.Color = new SKColor(0xFF, 0xE0, 0x8A);
        canvas.DrawRoundRect(rect, 4, 4, fill);
    }

    private void Text(string text, float left, float top, SKFont with, SKColor color)
    {
        fill.Color = color;
        canvas.DrawText(text, left, top + with.Size, with, fill);
    }

    private void Frame(SKRect rect, SKColor color, float width)
    {
        (stroke.Color, stroke.StrokeWidth) = (color, width);
        canvas.DrawRect(rect, stroke);
    }

    private void Line(int y, SKColor color)
    {
        (stroke.Color, stroke.StrokeWidth) = (color, 1);
        canvas.DrawLine(0, y - 0.5f, Width, y - 0.5f, stroke);
    }

    private static SKImage Image(int width, int height, Func<int, int, (byte R, byte G, byte B)> color)
    {
        const byte opaque = 255;
        var pixels = new byte[4 * width * height];
        for (var i = 0; i < width * height; i++)
        {
            var (r, g, b) = color(i % width, i / width);
            (pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2], pixels[4 * i + 3]) = (r, g, b, opaque);
        }

        return SKImage.FromPixelCopy(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), pixels);
    }
}
