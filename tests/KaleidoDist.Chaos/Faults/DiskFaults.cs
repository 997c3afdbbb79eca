namespace KaleidoDist.Chaos;

/// <summary>A run folder without space for a while: training goes on, checkpoints and metrics do not.</summary>
/// <param name="disk">The file system of the run folder.</param>
internal sealed class FillDisk(SmallDisk disk) : IFault
{
    /// <summary>Metrics of so many steps do not fit in what is left of a page: from then on the job must have said something.</summary>
    private const int ToldAfterSteps = 20;

    private static readonly TimeSpan StepsLimit = TimeSpan.FromSeconds(15);

    /// <inheritdoc/>
    public FaultKind Kind => FaultKind.FillDisk;

    /// <inheritdoc/>
    public Task<bool> StrikeAsync(Battlefield field)
    {
        if (disk.IsFull)
            return Task.FromResult(false);
        // Said once: later ones may find no checkpoint due, and the metrics given up.
        var isFirst = field.Faults.All(fault => fault.Kind != Kind);
        var record = field.Record(Kind, $"the run folder ({disk.Bytes >> 20} MiB)", field.Between(2, 6));
        var told = field.Observer.Status.Step + ToldAfterSteps;
        if (disk.Fill() is { } refusal)
            record.Evidence = refusal;
        field.Later(async () =>
        {
            await field.Pause(record.Duration);
            if (await field.Sees(() => field.Observer.Status.Step >= told, StepsLimit) && isFirst)
                record.ExpectedCodes = [FaultCodes.NoSpace, FaultCodes.NoMetrics];
            disk.Free();
        });
        return Task.FromResult(true);
    }
}

/// <summary>A file system in memory, of a size of its own, so that it can be full. Needs root.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private readonly string folder;

    /// <summary>Mounts it on a folder.</summary>
    /// <param name="folder">Made when missing.</param>
    /// <param name="bytes">Its size.</param>
    internal SmallDisk(string folder, long bytes)
    {
        (this.folder, Bytes) = (folder, bytes);
        Directory.CreateDirectory(folder);
        Tool.Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", folder);
    }

    /// <summary>Its size.</summary>
    internal long Bytes { get; }

    /// <summary>Whether it is full now.</summary>
    internal bool IsFull { get; private set; }

    private string Filler => Path.Combine(folder, "filler");

    /// <summary>Takes all space; returns what the kernel said to the byte after the last, or null when it said nothing.</summary>
    internal string? Fill()
    {
        IsFull = true;
        using var file = new FileStream(Filler, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0 });
        var chunk = new byte[ChunkBytes];
        // Smaller and smaller pieces, until not even a byte fits.
        for (var length = chunk.Length; length > 0; length /= 2)
        {
            try
            {
                while (file.Length <= Bytes)
                    file.Write(chunk, 0, length);
            }
            catch (IOException full) when (length == 1)
            {
                return full.Message;
            }
            catch (IOException)
            {
                file.Position = file.Length;
            }
        }

        return null;
    }

    /// <summary>Gives the space back.</summary>
    internal void Free()
    {
        File.Delete(Filler);
        IsFull = false;
    }

    /// <summary>Unmounts it, with everything on it.</summary>
    public void Dispose() => Tool.Run("umount", "-l", folder);
}
