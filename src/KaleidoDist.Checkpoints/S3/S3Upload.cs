using System.Buffers;
using Amazon.S3.Model;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// A new object, written from start to end: up to one part it is put at once, else its parts are sent while more is written. It exists, whole, only
/// after <see cref="Sync"/> or <see cref="Close"/>, and only where nobody else's has the name.
/// </summary>
internal sealed class S3Upload(S3Requests requests, S3Address at, S3Options options) : IStorageFile
{
    /// <summary>What a store accepts at most.</summary>
    private const int MaxParts = 10_000;

    private readonly List<Task<PartETag>> parts = [];
    private int partBytes = options.PartBytes;
    private byte[]? buffer;
    private int filled;
    private (string UploadId, string Mark)? upload;
    private bool isComplete;

    /// <summary>Parts of a file that is larger than all parts together are made larger. Space is not reserved: a bucket has no size.</summary>
    public void Preallocate(long bytes) => partBytes = (int)Math.Max(partBytes, bytes / (MaxParts - 1) + 1);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (filled == partBytes)
                Send();
            buffer ??= ArrayPool<byte>.Shared.Rent(partBytes);
            var count = Math.Min(bytes.Length, partBytes - filled);
            bytes[..count].CopyTo(buffer.AsSpan(filled));
            filled += count;
            bytes = bytes[count..];
        }
    }

    /// <inheritdoc/>
    public void Sync()
    {
        if (!TryComplete())
            throw ObjectStoreException.NameTaken(at);
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (!isComplete)
            Sync();
    }

    /// <summary>Completes the object; false when the name is taken.</summary>
    internal bool TryComplete()
    {
        bool isCreated;
        if (upload is null)
        {
            isCreated = requests.TryPut(at, buffer.AsMemory(0, filled));
        }
        else
        {
            Send();
            isCreated = requests.TryComplete(at, upload.Value.UploadId, upload.Value.Mark, parts.Select(part => part.GetAwaiter().GetResult()));
        }

        isComplete = isCreated;
        return isCreated;
    }

    /// <summary>Gives up what was not completed, best effort: retention collects what stays.</summary>
    public void Dispose()
    {
        Return(ref buffer);
        Task.WhenAll(parts).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        if (upload is not { } begun || isComplete)
            return;
        upload = null;
        try
        {
            requests.Abort(at, begun.UploadId);
        }
        catch (ObjectStoreException)
        {
        }
    }

    private void Send()
    {
        upload ??= requests.Begin(at);
        var (content, count) = (buffer!, filled);
        (buffer, filled) = (null, 0);
        parts.Add(SendAsync(upload.Value.UploadId, parts.Count + 1, content, count));
        // The oldest of those that may be on their way; its error ends the file.
        if (parts.Count >= options.PartsInFlight)
            parts[^options.PartsInFlight].GetAwaiter().GetResult();
    }

    private async Task<PartETag> SendAsync(string uploadId, int number, byte[]? content, int count)
    {
        try
        {
            return await requests.SendAsync(at, uploadId, number, content.AsMemory(0, count)).ConfigureAwait(false);
        }
        finally
        {
            Return(ref content);
        }
    }

    private static void Return(ref byte[]? rented)
    {
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        rented = null;
    }
}
