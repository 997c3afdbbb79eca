using System.Buffers.Binary;
using System.IO.Hashing;
using System.Net;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What is known of an object.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="Mark">What its creator wrote beside it to know it again; null when it is none of ours.</param>
internal sealed record S3ObjectFacts(long Bytes, string? Mark);

/// <summary>
/// The requests that checkpoints are made of, with the SDK's own bounded retries. What a request that creates something did is never guessed: every object
/// carries a mark of the call that created it, and where an answer was lost, or says that the name is taken, the object is looked at before anything else.
/// </summary>
internal sealed class S3Requests : IDisposable
{
    private const string MarkName = "kaleido-call";
    private const string OnlyIfAbsent = "*";

    /// <summary>Tries of a conditional write that met another one at work on the same name.</summary>
    private const int MaxConflicts = 5;

    /// <summary>Tries to read a range whose bytes stopped coming: the SDK's retries end with the answer's head.</summary>
    private const int MaxReads = 4;

    private readonly AmazonS3Client client;
    private readonly bool isEncrypted;

    internal S3Requests(S3Options options)
    {
        isEncrypted = options.Endpoint is null || options.Endpoint.Scheme == Uri.UriSchemeHttps;
        var config = new AmazonS3Config
        {
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = options.RetryCount,
            Timeout = options.RequestTimeout,
            // Checksums are given with every write, as a header that stores without support ignore; the SDK's own would change the body's form.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.ToString();
            config.AuthenticationRegion = options.Region;
            config.ForcePathStyle = true;
        }

        try
        {
            client = options.Credentials is { } credentials ? new AmazonS3Client(credentials, config) : new AmazonS3Client(config);
        }
        catch (AmazonClientException error)
        {
            throw new KaleidoException($"The object store cannot be reached: {error.Message} Set AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store that is not Amazon's.", ExitCode.Usage, error);
        }
    }

    /// <summary>Looks at an object; null when there is none.</summary>
    internal S3ObjectFacts? Look(S3Address at) => Ask("look at", at, async () =>
    {
        try
        {
            var found = await client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = at.Bucket, Key = at.Key });
            return new S3ObjectFacts(found.ContentLength, found.Metadata[MarkName]);
        }
        catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    });

    /// <summary>Creates an object of a few bytes at once; false when the name is taken.</summary>
    internal bool TryPut(S3Address at, ReadOnlyMemory<byte> content)
    {
        var mark = NewMark();
        return TryCreate("create", at, mark, MaxConflicts, () => client.PutObjectAsync(new PutObjectRequest
        {
            BucketName = at.Bucket,
            Key = at.Key,
            IfNoneMatch = OnlyIfAbsent,
            InputStream = Stream(content),
            ChecksumCRC32 = Crc32Of(content.Span),
            UseChunkEncoding = false,
            DisablePayloadSigning = isEncrypted,
            Metadata = { [MarkName] = mark },
        }));
    }

    /// <summary>Begins an object of many parts.</summary>
    internal (string UploadId, string Mark) Begin(S3Address at)
    {
        var mark = NewMark();
        var upload = Ask("begin", at, () => client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest
        {
            BucketName = at.Bucket,
            Key = at.Key,
            ChecksumAlgorithm = ChecksumAlgorithm.CRC32,
            Metadata = { [MarkName] = mark },
        }));
        return (upload.UploadId, mark);
    }

    /// <summary>Sends one part.</summary>
    internal async Task<PartETag> SendAsync(S3Address at, string uploadId, int number, ReadOnlyMemory<byte> content)
    {
        var checksum = Crc32Of(content.Span);
        try
        {
            var part = await client.UploadPartAsync(new UploadPartRequest
            {
                BucketName = at.Bucket,
                Key = at.Key,
                UploadId = uploadId,
                PartNumber = number,
                PartSize = content.Length,
                InputStream = Stream(content),
                ChecksumCRC32 = checksum,
                UseChunkEncoding = false,
                DisablePayloadSigning = isEncrypted,
            }).ConfigureAwait(false);
            return new PartETag(number, part.ETag) { ChecksumCRC32 = part.ChecksumCRC32 };
        }
        catch (Exception error) when (IsFailure(error))
        {
            throw ObjectStoreException.Failed($"take part {number} of", at, error);
        }
    }

    /// <summary>Makes the parts an object; false when the name is taken.</summary>
    internal bool TryComplete(S3Address at, string uploadId, string mark, IEnumerable<PartETag> parts)
        // A conflict would need all parts anew; names of data belong to one writer and have none.
        => TryCreate("complete", at, mark, maxConflicts: 0, () => client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
        {
            BucketName = at.Bucket,
            Key = at.Key,
            UploadId = uploadId,
            IfNoneMatch = OnlyIfAbsent,
            PartETags = [.. parts],
        }));

    /// <summary>Gives up an object of many parts.</summary>
    internal void Abort(S3Address at, string uploadId) => Ask<AbortMultipartUploadResponse?>("give up", at, async () =>
    {
        try
        {
            return await client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = at.Bucket, Key = at.Key, UploadId = uploadId });
        }
        catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.NotFound)
        {
            return null; // Somebody else gave it up.
        }
    });

    /// <summary>
    /// Objects of many parts below a directory that were begun before a time and not completed; none where the store does not tell, or not us: a
    /// lifecycle rule of the bucket removes them there.
    /// </summary>
    internal IReadOnlyList<(S3Address At, string UploadId)> Unfinished(S3Address directory, DateTimeOffset before) => Ask("list uploads below", directory, async () =>
    {
        var found = new List<(S3Address, string)>();
        var request = new ListMultipartUploadsRequest { BucketName = directory.Bucket, Prefix = directory.Folder };
        ListMultipartUploadsResponse page;
        do
        {
            try
            {
                page = await client.ListMultipartUploadsAsync(request);
            }
            catch (AmazonS3Exception error) when (error.StatusCode is HttpStatusCode.NotImplemented or HttpStatusCode.Forbidden)
            {
                break;
            }

            found.AddRange((page.MultipartUploads ?? []).Where(u => Utc(u.Initiated) < before).Select(u => (directory with { Key = u.Key }, u.UploadId)));
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (page.IsTruncated == true);
        return found;
    });

    /// <summary>Removes an object; no error when there is none.</summary>
    internal void Delete(S3Address at) => Ask("delete", at, () => client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = at.Bucket, Key = at.Key }));

    /// <summary>All objects below a directory, at any depth, with the time of their last change.</summary>
    internal IReadOnlyList<(string Key, DateTimeOffset ModifiedUtc)> List(S3Address directory) => Ask("list", directory, async () =>
    {
        var found = new List<(string, DateTimeOffset)>();
        var request = new ListObjectsV2Request { BucketName = directory.Bucket, Prefix = directory.Folder };
        ListObjectsV2Response page;
        do
        {
            page = await client.ListObjectsV2Async(request);
            found.AddRange((page.S3Objects ?? []).Select(o => (o.Key, Utc(o.LastModified))));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        return found;
    });

    /// <summary>Fills a buffer from an offset; the bytes must be there.</summary>
    internal async Task ReadAsync(S3Address at, long offset, Memory<byte> buffer)
    {
        for (var reading = 1; ; reading++)
        {
            try
            {
                using var answer = await client.GetObjectAsync(new GetObjectRequest
                {
                    BucketName = at.Bucket,
                    Key = at.Key,
                    ByteRange = new ByteRange(offset, offset + buffer.Length - 1),
                }).ConfigureAwait(false);
                await answer.ResponseStream.ReadExactlyAsync(buffer).ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (error is IOException or HttpRequestException && reading < MaxReads)
            {
                // The same bytes are asked for again: objects never change.
            }
            catch (Exception error) when (IsFailure(error))
            {
                throw ObjectStoreException.Failed("read", at, error);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private bool TryCreate(string request, S3Address at, string mark, int maxConflicts, Func<Task> create)
    {
        for (var conflicts = 0; ; conflicts++)
        {
            try
            {
                create().GetAwaiter().GetResult();
                return true;
            }
            catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.PreconditionFailed)
            {
                // Taken, perhaps by an earlier try of this very call whose answer was lost.
                return Look(at)?.Mark == mark;
            }
            catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.Conflict && conflicts < maxConflicts)
            {
            }
            catch (Exception error) when (IsFailure(error))
            {
                // In doubt, whatever the error says: an earlier try may have succeeded.
                return IsDone(at, mark) ? true : throw ObjectStoreException.Failed(request, at, error);
            }
        }
    }

    private bool IsDone(S3Address at, string mark)
    {
        try
        {
            return Look(at)?.Mark == mark;
        }
        catch (ObjectStoreException)
        {
            return false; // The first error is the one that is reported.
        }
    }

    private static T Ask<T>(string request, S3Address at, Func<Task<T>> ask)
    {
        try
        {
            return ask().GetAwaiter().GetResult();
        }
        catch (Exception error) when (IsFailure(error))
        {
            throw ObjectStoreException.Failed(request, at, error);
        }
    }

    /// <summary>Errors of the store, the network or the credentials; anything else is a defect.</summary>
    private static bool IsFailure(Exception error)
        => error is AmazonClientException or AmazonServiceException or HttpRequestException or OperationCanceledException or TimeoutException
            || (error is IOException and not ObjectStoreException);

    private static MemoryStream Stream(ReadOnlyMemory<byte> content)
        => System.Runtime.InteropServices.MemoryMarshal.TryGetArray(content, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(content.ToArray(), writable: false);

    /// <summary>As the header wants it: big-endian, base 64.</summary>
    private static string Crc32Of(ReadOnlySpan<byte> content)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Crc32.HashToUInt32(content));
        return Convert.ToBase64String(bytes);
    }

    private static string NewMark() => Guid.NewGuid().ToString("N");

    private static DateTimeOffset Utc(DateTime? time) => time is { } value ? new DateTimeOffset(value.ToUniversalTime(), TimeSpan.Zero) : DateTimeOffset.MaxValue;
}
