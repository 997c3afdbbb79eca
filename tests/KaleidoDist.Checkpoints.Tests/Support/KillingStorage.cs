namespace KaleidoDist.Checkpoints.Tests;

/// <summary>When the process dies, seen from one operation.</summary>
internal enum Moment { Never, Before, Halfway, After }

/// <summary>The real file system; this process kills itself (SIGKILL) at one operation, counted from 1.</summary>
internal sealed class KillingStorage(int number, Moment moment) : ForwardingStorage(PosixStorage.Instance)
{
    /// <summary>The operations so far.</summary>
    public List<Operation> Journal { get; } = [];

    public override void SyncDirectory(string path) => Run(Operation.SyncDirectory, () => Inner.SyncDirectory(path));

    public override IStorageFile Create(string path) => new KillingFile(this, Run(Operation.Create, () => Inner.Create(path)));

    public override bool TryCreateDirectory(string path) => Run(Operation.CreateDirectory, () => Inner.TryCreateDirectory(path));

    public override bool TryLink(string existing, string created) => Run(Operation.Link, () => Inner.TryLink(existing, created));

    public override void Delete(string path) => Run(Operation.Delete, () => Inner.Delete(path));

    public override void DeleteDirectory(string path) => Run(Operation.DeleteDirectory, () => Inner.DeleteDirectory(path));

    private void Run(Operation operation, Action act) => Run(operation, () =>
    {
        act();
        return true;
    });

    private T Run<T>(Operation operation, Func<T> act)
    {
        Journal.Add(operation);
        DieIf(Moment.Before);
        var result = act();
        DieIf(Moment.After);
        return result;
    }

    private void DieIf(Moment now)
    {
        if (Journal.Count != number || moment != now)
            return;
        ProcessControl.TrySignal(Environment.ProcessId, ProcessSignal.Kill);
        Thread.Sleep(Timeout.Infinite);
    }

    private sealed class KillingFile(KillingStorage storage, IStorageFile inner) : ForwardingFile(inner)
    {
        public override void Write(ReadOnlySpan<byte> bytes)
        {
            storage.Journal.Add(Operation.Write);
            storage.DieIf(Moment.Before);
            Inner.Write(bytes[..(bytes.Length / 2)]);
            storage.DieIf(Moment.Halfway);
            Inner.Write(bytes[(bytes.Length / 2)..]);
            storage.DieIf(Moment.After);
        }

        public override void Sync() => storage.Run(Operation.Sync, Inner.Sync);
    }
}
