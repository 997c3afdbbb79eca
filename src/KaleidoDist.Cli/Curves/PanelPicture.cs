using ScottPlot;

namespace KaleidoDist.Cli;

/// <summary>Small multiples: plots of one size side by side, row after row.</summary>
internal static class PanelPicture
{
    /// <summary>Draws the plots, and disposes of them; the bytes of a PNG.</summary>
    /// <param name="panels">The plots, in reading order.</param>
    /// <param name="columnCount">Plots of a row.</param>
    /// <param name="panelWidth">Width of a plot, in pixels.</param>
    /// <param name="panelHeight">Height of a plot, in pixels.</param>
    internal static byte[] Draw(IReadOnlyList<Plot> panels, int columnCount, int panelWidth, int panelHeight)
    {
        try
        {
            var rowCount = (panels.Count + columnCount - 1) / columnCount;
            var picture = new Multiplot { Layout = new ScottPlot.MultiplotLayouts.Grid(rowCount, columnCount) };
            picture.Subplots.RemoveAt(0);
            foreach (var panel in panels)
                picture.AddPlot(panel);
            using var image = picture.Render(columnCount * panelWidth, rowCount * panelHeight);
            return image.GetImageBytes(ImageFormat.Png);
        }
        finally
        {
            foreach (var panel in panels)
                panel.Dispose();
        }
    }
}
