using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Hashing;
using System.Net;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.TestKit;

/// <summary>
/// An S3-compatible object store in memory that does as it is told: the requests that checkpoints need, with conditional creation, and faults by script.
/// Every bucket exists. Signatures are not checked; checksums are.
/// </summary>
public sealed class FakeS3 : IAsyncDisposable
{
    private const string MetadataPrefix = "x-amz-meta-";
    private readonly ConcurrentDictionary<string, StoredObject> objects = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Upload> uploads = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<S3Fault> faults = [];
    private readonly ConcurrentQueue<string> requests = [];
    private readonly WebApplication server;
    private int left = int.MaxValue;

    private FakeS3(WebApplication server) => this.server = server;

    /// <summary>Where it listens.</summary>
    public Uri Endpoint => new(server.Urls.Single());

    /// <summary>Whether it takes no notice of <c>If-None-Match</c>, as some gateways do.</summary>
    public bool IgnoresConditions { get; set; }

    /// <summary>How far its clock is ahead of this machine's.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <summary>Objects a page of a listing has.</summary>
    public int PageSize { get; init; } = 1000;

    /// <summary>Keys with their bucket, in ordinal order.</summary>
    public IReadOnlyList<string> Keys => [.. objects.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Objects of many parts that are neither complete nor given up.</summary>
    public int UploadCount => uploads.Count;

    /// <summary>Requests so far, as <c>PUT bucket/key</c>.</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    /// <summary>Starts one on a free port of this machine.</summary>
    public static async Task<FakeS3> StartAsync(int pageSize = 1000)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        var fake = new FakeS3(builder.Build()) { PageSize = pageSize };
        fake.server.Run(fake.AnswerAsync);
        await fake.server.StartAsync();
        return fake;
    }

    /// <summary>Scripts a fault.</summary>
    public S3Fault Inject(S3Fault fault)
    {
        faults.Enqueue(fault);
        return fault;
    }

    /// <summary>Refuses all requests but the next few; null for none. What a client that dies there has done is what it did.</summary>
    public void AllowOnly(int? count) => Volatile.Write(ref left, count ?? int.MaxValue);

    /// <summary>The content of an object.</summary>
    public byte[] Content(string key) => objects[key].Content;

    /// <summary>Copies all objects whose keys begin with one prefix to another one.</summary>
    public void Copy(string from, string to)
    {
        foreach (var key in Keys.Where(k => k.StartsWith(from, StringComparison.Ordinal)))
            objects[to + key[from.Length..]] = objects[key];
    }

    /// <summary>Puts an object as it is, or changes one.</summary>
    public void Put(string key, byte[] content) => objects[key] = new StoredObject(content, [], Now);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await server.DisposeAsync();

    private DateTimeOffset Now => TimeProvider.System.GetUtcNow() + ClockOffset;

    private async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var key = Uri.UnescapeDataString(request.Path.Value!).TrimStart('/');
        var operation = Operation(request);
        requests.Enqueue($"{operation} {key}");
        var body = await ReadAsync(request);
        if (Volatile.Read(ref left) < int.MaxValue && Interlocked.Decrement(ref left) < 0)
        {
            await new Answer(403, Error("AccessDenied")).WriteAsync(context);
            return;
        }

        var fault = faults.FirstOrDefault(f => f.Takes(operation, operation == "LIST" ? request.Query["prefix"].ToString() : key));
        switch (fault?.Kind)
        {
            case S3FaultKind.Refuse:
                await new Answer(fault.Status, Error(fault.Code)).WriteAsync(context);
                return;
            case S3FaultKind.Hang:
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return;
            case S3FaultKind.Overtake:
                objects.TryAdd(key, new StoredObject("somebody else's"u8.ToArray(), [], Now));
                break;
        }

        var answer = Do(operation, key, request, body);
        if (fault?.Kind == S3FaultKind.LoseAnswer)
            context.Abort();
        else
            await answer.WriteAsync(context, cut: fault?.Kind == S3FaultKind.CutBody);
    }

    private static string Operation(HttpRequest request) => request.Method switch
    {
        "PUT" when request.Query.ContainsKey("partNumber") => "PART",
        "POST" when request.Query.ContainsKey("uploads") => "BEGIN",
        "POST" => "COMPLETE",
        "DELETE" when request.Query.ContainsKey("uploadId") => "ABORT",
        "GET" when request.Query.ContainsKey("uploads") => "UPLOADS",
        "GET" when request.Query.ContainsKey("list-type") => "LIST",
        var method => method,
    };

    private Answer Do(string operation, string key, HttpRequest request, byte[] body)
    {
        lock (objects)
        {
            return operation switch
            {
                "PUT" when !key.TrimEnd('/').Contains('/', StringComparison.Ordinal) => new Answer(200), // a bucket
                "PUT" => Create(key, request, new StoredObject(body, Metadata(request), Now), body),
                "HEAD" or "GET" => Read(key, request),
                "DELETE" => Delete(key),
                "LIST" => List(key, request),
                "BEGIN" => Begin(key, request),
                "PART" => Part(request, body),
                "COMPLETE" => Complete(key, request, body),
                "ABORT" => uploads.TryRemove(request.Query["uploadId"]!, out _) ? new Answer(204) : new Answer(404, Error("NoSuchUpload")),
                "UPLOADS" => Uploads(key, request),
                _ => new Answer(501, Error("NotImplemented")),
            };
        }
    }

    private Answer Create(string key, HttpRequest request, StoredObject created, byte[] body)
    {
        if (request.Headers.IfNoneMatch == "*" && !IgnoresConditions && objects.ContainsKey(key))
            return new Answer(412, Error("PreconditionFailed"));
        if (!IsWhole(request, body))
            return new Answer(400, Error("BadDigest"));
        objects[key] = created;
        return new Answer(200) { Headers = { ["ETag"] = created.ETag } };
    }

    private Answer Delete(string key)
    {
        objects.TryRemove(key, out _);
        return new Answer(204);
    }

    private Answer Read(string key, HttpRequest request)
    {
        if (!objects.TryGetValue(key, out var found))
            return new Answer(404, Error("NoSuchKey"));
        var answer = new Answer(200, found.Content)
        {
            Headers = { ["ETag"] = found.ETag, ["Last-Modified"] = found.Modified.ToString("R", CultureInfo.InvariantCulture) },
        };
        foreach (var (name, value) in found.Metadata)
            answer.Headers[name] = value;
        if (request.GetTypedHeaders().Range?.Ranges.Single() is not { From: { } from } range)
            return answer;
        var to = Math.Min(range.To ?? long.MaxValue, found.Content.Length - 1);
        if (from > to)
            return new Answer(416, Error("InvalidRange"));
        answer.Headers["Content-Range"] = $"bytes {from}-{to}/{found.Content.Length}";
        return answer with { Status = 206, Body = found.Content[(int)from..(int)(to + 1)] };
    }

    private Answer List(string bucket, HttpRequest request)
    {
        var prefix = $"{bucket.TrimEnd('/')}/{request.Query["prefix"]}";
        var after = request.Query["continuation-token"].ToString();
        string[] keys = [.. Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(k, after) > 0)];
        var page = keys.Take(PageSize).ToList();
        var contents = page.Select(k => new XElement(
            "Contents",
            new XElement("Key", k[(bucket.TrimEnd('/').Length + 1)..]),
            new XElement("LastModified", Time(objects[k].Modified)),
            new XElement("Size", objects[k].Content.Length),
            new XElement("ETag", objects[k].ETag)));
        var more = keys.Length > page.Count;
        return Answer.Xml(new XElement(
            "ListBucketResult", contents, new XElement("IsTruncated", more ? "true" : "false"), new XElement("KeyCount", page.Count), more ? new XElement("NextContinuationToken", page[^1]) : null));
    }

    private Answer Begin(string key, HttpRequest request)
    {
        var id = Guid.NewGuid().ToString("N");
        uploads[id] = new Upload(key, Metadata(request), Now, []);
        return Answer.Xml(new XElement("InitiateMultipartUploadResult", new XElement("UploadId", id)));
    }

    private Answer Part(HttpRequest request, byte[] body)
    {
        if (!uploads.TryGetValue(request.Query["uploadId"]!, out var upload))
            return new Answer(404, Error("NoSuchUpload"));
        if (!IsWhole(request, body))
            return new Answer(400, Error("BadDigest"));
        upload.Parts[int.Parse(request.Query["partNumber"]!, CultureInfo.InvariantCulture)] = body;
        return new Answer(200)
        {
            Headers = { ["ETag"] = new StoredObject(body, [], default).ETag, ["x-amz-checksum-crc32"] = request.Headers["x-amz-checksum-crc32"].ToString() },
        };
    }

    private Answer Complete(string key, HttpRequest request, byte[] body)
    {
        var id = request.Query["uploadId"].ToString();
        if (!uploads.TryGetValue(id, out var upload))
            return new Answer(404, Error("NoSuchUpload"));
        var named = XDocument.Parse(Encoding.UTF8.GetString(body)).Descendants().Where(e => e.Name.LocalName == "Part").ToList();
        byte[][] parts = [.. named.Select(p => upload.Parts[int.Parse(p.Elements().First(e => e.Name.LocalName == "PartNumber").Value, CultureInfo.InvariantCulture)])];
        if (parts.Length != upload.Parts.Count || named.Any(p => p.Elements().All(e => e.Name.LocalName != "ChecksumCRC32")))
            return new Answer(400, Error("InvalidPart"));
        var answer = Create(key, request, new StoredObject([.. parts.SelectMany(p => p)], upload.Metadata, Now), body);
        if (answer.Status != 200)
            return answer;
        uploads.TryRemove(id, out _);
        return Answer.Xml(new XElement("CompleteMultipartUploadResult", new XElement("Key", key), new XElement("ETag", objects[key].ETag)));
    }

    private Answer Uploads(string bucket, HttpRequest request)
    {
        var prefix = $"{bucket.TrimEnd('/')}/{request.Query["prefix"]}";
        return Answer.Xml(new XElement(
            "ListMultipartUploadsResult",
            new XElement("IsTruncated", "false"),
            uploads.Where(u => u.Value.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(u => new XElement(
                "Upload",
                new XElement("Key", u.Value.Key[(bucket.TrimEnd('/').Length + 1)..]),
                new XElement("UploadId", u.Key),
                new XElement("Initiated", Time(u.Value.Begun))))));
    }

    private static bool IsWhole(HttpRequest request, byte[] body)
        => request.Method != "PUT" || request.Headers["x-amz-checksum-crc32"].ToString() == Convert.ToBase64String([.. Crc32.Hash(body).Reverse()]);

    private static Dictionary<string, string> Metadata(HttpRequest request)
        => request.Headers.Where(h => h.Key.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase)).ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);

    private static async Task<byte[]> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static byte[] Error(string code) => Encoding.UTF8.GetBytes($"<Error><Code>{SecurityElement.Escape(code)}</Code><Message>{SecurityElement.Escape(code)} by script</Message></Error>");

    private sealed record StoredObject(byte[] Content, Dictionary<string, string> Metadata, DateTimeOffset Modified)
    {
        public string ETag { get; } = $"\"{Convert.ToHexStringLower(SHA256.HashData(Content))[..32]}\"";
    }

    private sealed record Upload(string Key, Dictionary<string, string> Metadata, DateTimeOffset Begun, ConcurrentDictionary<int, byte[]> Parts);

    private sealed record Answer(int Status, byte[]? Body = null)
    {
        public Dictionary<string, string> Headers { get; init; } = [];

        public static Answer Xml(XElement content) => new(200, Encoding.UTF8.GetBytes(content.ToString(SaveOptions.DisableFormatting))) { Headers = { ["Content-Type"] = "application/xml" } };

        public async Task WriteAsync(HttpContext context, bool cut = false)
        {
            context.Response.StatusCode = Status;
            foreach (var (name, value) in Headers)
                context.Response.Headers[name] = value;
            context.Response.ContentLength = Status == 204 ? null : Body?.Length ?? 0;
            if (context.Request.Method == "HEAD" || Body is null || Status == 204)
                return;
            await context.Response.Body.WriteAsync(cut ? Body.AsMemory(0, Body.Length / 2) : Body);
            await context.Response.Body.FlushAsync();
            if (cut)
                context.Abort();
        }
    }
}
