using System.Buffers;
using System.Globalization;
using System.Text;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>
/// What one rank process computed and applied, line by line, so that somebody else can prove afterwards that every sample of every epoch
/// was used exactly once, whatever happened in between. Written only when <see cref="FolderVariable"/> names a folder.
/// </summary>
/// <remarks>
/// <code>
/// C [clock] [generation] [step] [virtual rank] [sample],[sample],...   this process's gradient of a leaf, about to be reduced
/// A [clock] [generation] [step] [norm]                                 the reduced gradient of a step changed this process's weights
/// </code>
/// Steps count from 1. The clock is <see cref="TimeProvider.GetTimestamp"/>: monotonic, the same for all processes of a machine. The norm
/// is the bits of a double, in hexadecimal: two ranks that applied the same gradient wrote the same norm. Every line reaches the kernel
/// before the call returns: a process that is killed leaves what it did, at worst without the end of its last line.
/// </remarks>
public sealed class SampleLedger : IDisposable
{
    /// <summary>Environment variable that names the folder of all ledgers.</summary>
    public const string FolderVariable = "KALEIDO_LEDGER";

    /// <summary>Extension of a ledger.</summary>
    public const string Extension = ".ledger";

    private readonly FileStream file;
    private readonly TimeProvider time;
    private readonly ArrayBufferWriter<byte> line = new(256);

    /// <summary>Opens the ledger of a process in a folder, behind what it wrote before.</summary>
    /// <param name="folder">Made when it is missing.</param>
    /// <param name="process">Names the process, and its file: never the same for two.</param>
    /// <param name="time">Dates the lines.</param>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public SampleLedger(string folder, string process, TimeProvider time)
    {
        this.time = time;
        Directory.CreateDirectory(folder);
        // Unbuffered: what was written must outlive this process, however it ends.
        file = new FileStream(
            Path.Combine(folder, process + Extension), new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0 });
    }

    /// <summary>The ledger of this process where the environment asks for one, else null.</summary>
    public static SampleLedger? FromEnvironment(TimeProvider time)
        => Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } folder ? new SampleLedger(folder, ThisProcess(), time) : null;

    /// <summary>This process computed a leaf's gradient. To be said before the gradient leaves the process.</summary>
    /// <param name="generation">The generation that will reduce it.</param>
    /// <param name="step">Optimizer step, from 1.</param>
    /// <param name="virtualRank">Whose samples these are.</param>
    /// <param name="leaf">The samples.</param>
    public void Computed(long generation, long step, int virtualRank, Leaf leaf)
    {
        Begin('C', generation, step);
        Append($" {virtualRank} ");
        var separator = "";
        foreach (var batch in leaf.MicroBatches)
        {
            foreach (var sample in batch.SampleIds)
            {
                Append($"{separator}{sample}");
                separator = ",";
            }
        }

        End();
    }

    /// <summary>This process changed its weights by the reduced gradient of a step.</summary>
    /// <param name="generation">The generation that reduced it, also where a later one takes it over.</param>
    /// <param name="step">Optimizer step, from 1.</param>
    /// <param name="gradientNorm">Norm of the reduced gradient, before clipping.</param>
    public void Applied(long generation, long step, double gradientNorm)
    {
        Begin('A', generation, step);
        Append($" {BitConverter.DoubleToUInt64Bits(gradientNorm):x16}");
        End();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>Process id and start, in ticks since the machine's: ids are used again, the two together are not.</summary>
    private static string ThisProcess()
    {
        const int StartTime = 19; // field 22 of proc(5), of which the third follows the last parenthesis
        var stat = File.ReadAllText("/proc/self/stat");
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}-{stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[StartTime]}");
    }

    private void Begin(char kind, long generation, long step)
    {
        line.ResetWrittenCount();
        Append($"{kind} {time.GetTimestamp()} {generation} {step}");
    }

    private void Append(FormattableString text) => Encoding.ASCII.GetBytes(text.ToString(CultureInfo.InvariantCulture), line);

    private void End()
    {
        line.Write("\n"u8);
        file.Write(line.WrittenSpan);
    }
}
