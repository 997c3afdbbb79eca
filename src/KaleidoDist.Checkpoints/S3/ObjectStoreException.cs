using System.Net;
using Amazon.Runtime;

namespace KaleidoDist.Checkpoints;

/// <summary>A request to an object store failed for good: which one, on what, why, and what to do.</summary>
public sealed class ObjectStoreException : IOException
{
    /// <summary>The store failed or did not answer.</summary>
    public const string Unavailable = "KD-S120";

    /// <summary>The store accepts no credentials of ours.</summary>
    public const string Forbidden = "KD-S122";

    private ObjectStoreException(string code, string reason, Exception? inner)
        : base($"{code} {reason}", inner) => (Code, Reason) = (code, reason);

    /// <summary><see cref="Unavailable"/> or <see cref="Forbidden"/>.</summary>
    public string Code { get; }

    /// <summary>The message without its code: sentences with a next act.</summary>
    public string Reason { get; }

    /// <summary>Whether the name to be created belongs to somebody else's object.</summary>
    public bool IsNameTaken { get; private init; }

    /// <summary>The name to be created is taken.</summary>
    internal static ObjectStoreException NameTaken(S3Address at)
        => new(Unavailable, $"'{at}' exists already; expected a new name. Nothing was overwritten.", inner: null) { IsNameTaken = true };

    /// <summary>A request failed, after as many tries as are made.</summary>
    internal static ObjectStoreException Failed(string request, S3Address at, Exception error)
    {
        var service = error as AmazonServiceException;
        if (IsForbidden(error))
        {
            return new(
                Forbidden,
                $"The store refused to {request} '{at}': {Describe(error)}. Renew the credentials (environment, profile or role) or give them access; they are looked at again with every request.",
                error);
        }

        return new(
            Unavailable,
            $"The store could not {request} '{at}': {Describe(error)}. Check {(service is null ? "that its endpoint can be reached" : "its health and quota")} if this repeats.",
            error);
    }

    private static bool IsForbidden(Exception error) => error switch
    {
        AmazonServiceException service => service.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized
            || service.ErrorCode is "ExpiredToken" or "ExpiredTokenException" or "InvalidToken" or "TokenRefreshRequired",
        AmazonClientException client => client.Message.Contains("credentials", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    private static string Describe(Exception error) => error switch
    {
        AmazonServiceException { StatusCode: not 0 } service => $"{(int)service.StatusCode} {service.ErrorCode} {service.Message}".TrimEnd('.', ' '),
        OperationCanceledException => "no answer in time",
        _ => (error.InnerException ?? error).Message.TrimEnd('.', ' '),
    };
}
