using System.Globalization;
using System.Text;

namespace KaleidoDist.Cli;

/// <summary>Figures of saving and loading as a table.</summary>
internal static class CheckpointTable
{
    /// <summary>Time that training is blocked by a save when nothing hides it.</summary>
    internal const string Stall = "training blocked";

    /// <summary>Our save, from its beginning until the checkpoint is committed.</summary>
    internal const string Save = "save to durable";

    /// <summary>torch.save and fsync.</summary>
    internal const string TorchSave = "torch.save + fsync";

    /// <summary>The disk's limit.</summary>
    internal const string Dd = "dd oflag=direct conv=fsync";

    /// <summary>Our load, hashes verified, from the disk.</summary>
    internal const string LoadCold = "verified load, cold";

    /// <summary>Our load, hashes verified, from the page cache.</summary>
    internal const string Load = "verified load, warm";

    /// <summary>torch.load from the disk.</summary>
    internal const string TorchLoadCold = "torch.load, cold";

    /// <summary>torch.load from the page cache.</summary>
    internal const string TorchLoad = "torch.load, warm";

    private static readonly (string Way, string? Peer)[] Lines =
    [
        (Stall, null), (Save, TorchSave), (TorchSave, null), (Dd, null), (LoadCold, TorchLoadCold), (TorchLoadCold, null), (Load, TorchLoad), (TorchLoad, null),
    ];

    /// <summary>A line a way: median, spread, bytes a second, and how many times as long PyTorch and dd need.</summary>
    internal static string Of(IReadOnlyList<CheckpointFigure> figures)
    {
        var text = new StringBuilder(Units.Bytes(figures[0].Bytes).PadRight(30));
        text.Append("median".PadLeft(11)).Append("fastest".PadLeft(11)).Append("slowest".PadLeft(11)).Append("GB/s".PadLeft(8)).Append("torch / it".PadLeft(13)).Append("dd / it".PadLeft(10));
        foreach (var (way, peer) in Lines)
        {
            if (Find(figures, way) is not { } figure)
                continue;
            text.AppendLine().Append("  ").Append(way.PadRight(28));
            foreach (var seconds in new[] { figure.Median, figure.Seconds.Min(), figure.Seconds.Max() })
                text.Append(AllReduceTable.Time(seconds).PadLeft(11));
            text.Append(Number(figure.Bytes / figure.Median / 1e9).PadLeft(8));
            text.Append(Ratio(figure, peer is null ? null : Find(figures, peer)).PadLeft(13));
            text.Append(Ratio(figure, way == Save ? Find(figures, Dd) : null).PadLeft(10));
        }

        return text.AppendLine().ToString();
    }

    private static CheckpointFigure? Find(IReadOnlyList<CheckpointFigure> figures, string way) => figures.FirstOrDefault(figure => figure.Way == way);

    private static string Ratio(CheckpointFigure figure, CheckpointFigure? other) => other is null ? "" : $"{Number(other.Median / figure.Median)}x";

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
