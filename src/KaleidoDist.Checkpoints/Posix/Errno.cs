namespace KaleidoDist.Checkpoints;

/// <summary>Error numbers of Linux that storage can answer with.</summary>
public static class Errno
{
    /// <summary>Not permitted.</summary>
    public const int EPERM = 1;

    /// <summary>No such file or directory.</summary>
    public const int ENOENT = 2;

    /// <summary>No such process.</summary>
    public const int ESRCH = 3;

    /// <summary>Interrupted by a signal before anything was done.</summary>
    public const int EINTR = 4;

    /// <summary>The device reported an error.</summary>
    public const int EIO = 5;

    /// <summary>Not an open descriptor.</summary>
    public const int EBADF = 9;

    /// <summary>Permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>The name exists.</summary>
    public const int EEXIST = 17;

    /// <summary>Not supported for this object.</summary>
    public const int EINVAL = 22;

    /// <summary>The file system is full.</summary>
    public const int ENOSPC = 28;

    /// <summary>The file system is read-only.</summary>
    public const int EROFS = 30;

    /// <summary>The directory is not empty.</summary>
    public const int ENOTEMPTY = 39;

    /// <summary>The file system does not have this operation.</summary>
    public const int EOPNOTSUPP = 95;

    /// <summary>The user's quota is used up.</summary>
    public const int EDQUOT = 122;

    private static readonly Dictionary<int, (string Name, string Text)> Known = new()
    {
        [EPERM] = ("EPERM", "operation not permitted"),
        [ENOENT] = ("ENOENT", "no such file or directory"),
        [ESRCH] = ("ESRCH", "no such process"),
        [EINTR] = ("EINTR", "interrupted"),
        [EIO] = ("EIO", "the device reported an error"),
        [EBADF] = ("EBADF", "bad file descriptor"),
        [12] = ("ENOMEM", "out of memory"),
        [EACCES] = ("EACCES", "permission denied"),
        [EEXIST] = ("EEXIST", "exists already"),
        [18] = ("EXDEV", "not on the same file system"),
        [20] = ("ENOTDIR", "not a directory"),
        [21] = ("EISDIR", "is a directory"),
        [EINVAL] = ("EINVAL", "not supported for this object"),
        [23] = ("ENFILE", "too many open files on this machine"),
        [24] = ("EMFILE", "too many open files in this process"),
        [27] = ("EFBIG", "file too large"),
        [ENOSPC] = ("ENOSPC", "no space left"),
        [EROFS] = ("EROFS", "the file system is read-only"),
        [31] = ("EMLINK", "too many links"),
        [36] = ("ENAMETOOLONG", "name too long"),
        [38] = ("ENOSYS", "not implemented"),
        [ENOTEMPTY] = ("ENOTEMPTY", "directory not empty"),
        [40] = ("ELOOP", "too many symbolic links"),
        [EOPNOTSUPP] = ("EOPNOTSUPP", "not supported by the file system"),
        [107] = ("ENOTCONN", "not connected"),
        [110] = ("ETIMEDOUT", "timed out"),
        [116] = ("ESTALE", "stale network file handle"),
        [EDQUOT] = ("EDQUOT", "quota used up"),
    };

    /// <summary>The symbolic name, <c>ENOSPC</c> for example.</summary>
    public static string Name(int errno) => Known.TryGetValue(errno, out var known) ? known.Name : $"errno {errno}";

    /// <summary>What it means, in a few lower-case words.</summary>
    public static string Describe(int errno) => Known.TryGetValue(errno, out var known) ? known.Text : "unknown error";
}
