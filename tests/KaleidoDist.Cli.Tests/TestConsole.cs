using System.Text;
using Spectre.Console;

namespace KaleidoDist.Cli.Tests;

/// <summary>A console without a terminal, of a fixed width, whose text is kept.</summary>
internal static class TestConsole
{
    /// <summary>Creates one that writes to <paramref name="output"/>.</summary>
    internal static IAnsiConsole Create(TextWriter output, int width = 160)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new Output(output),
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        });
        console.Profile.Width = width;
        return console;
    }

    /// <summary>What is written to a console by <paramref name="write"/>, lines without trailing blanks.</summary>
    internal static string Text(Action<IAnsiConsole> write, int width = 160)
    {
        using var output = new StringWriter { NewLine = "\n" };
        write(Create(output, width));
        return Trimmed(output.ToString());
    }

    /// <summary>Lines without trailing blanks.</summary>
    internal static string Trimmed(string text)
        => string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(l => l.TrimEnd()));

    private sealed class Output(TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => false;

        public int Width => 160;

        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
