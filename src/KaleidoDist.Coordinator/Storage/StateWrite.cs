namespace KaleidoDist.Coordinator;

/// <summary>A conditional write of one row, on its way to the writer thread.</summary>
/// <param name="kind">Name of the state.</param>
/// <param name="id">The grain.</param>
/// <param name="expected">Version that must be there: 0 for none.</param>
/// <param name="data">New JSON; null to delete the row.</param>
internal sealed class StateWrite(string kind, string id, long expected, string? data)
{
    private readonly TaskCompletionSource<bool> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Name of the state.</summary>
    public string Kind => kind;

    /// <summary>The grain.</summary>
    public string Id => id;

    /// <summary>Version that must be there: 0 for none.</summary>
    public long Expected => expected;

    /// <summary>New JSON; null to delete the row.</summary>
    public string? Data => data;

    /// <summary>Whether the row had the expected version; set by the writer before the commit.</summary>
    public bool Applied { get; set; }

    /// <summary>Ends after the commit is durable: true when the write was applied, false when the version was another.</summary>
    public Task<bool> Done => done.Task;

    /// <summary>The batch is durable.</summary>
    public void Complete() => done.TrySetResult(Applied);

    /// <summary>The batch was rolled back.</summary>
    public void Fail(Exception error) => done.TrySetException(error);
}
