namespace KaleidoDist.Checkpoints;

/// <summary>Directories as durable objects: a name created or removed in one is on disk only after the directory itself is synced.</summary>
public static class DurableDirectory
{
    /// <summary>Makes the names in a directory durable.</summary>
    /// <exception cref="PosixException">fsync failed; what is on disk is then unknown.</exception>
    public static void Sync(string path)
    {
        var descriptor = Posix.OpenDirectory(path);
        try
        {
            Posix.Fsync(descriptor, path);
        }
        catch (PosixException)
        {
            Posix.Abandon(descriptor);
            throw;
        }

        Posix.Close(descriptor, path);
    }

    /// <summary>Creates a directory and those above it that are missing, each made durable in its parent.</summary>
    public static void CreateAll(string path)
    {
        if (Directory.Exists(path))
            return;
        var parent = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        CreateAll(parent);
        try
        {
            Posix.CreateDirectory(path);
        }
        catch (PosixException error) when (error.Errno == Errno.EEXIST && Directory.Exists(path))
        {
            // Another process created it in between: its name is made durable all the same.
        }

        Sync(parent);
    }
}
