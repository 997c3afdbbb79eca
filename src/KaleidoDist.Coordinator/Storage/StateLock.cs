using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>The exclusive right to a state folder, held for the life of a coordinator: two of them on one folder would undo each other's work.</summary>
internal sealed class StateLock : IDisposable
{
    private const string FileName = "coordinator.lock";
    private readonly FileStream file;

    private StateLock(FileStream file) => this.file = file;

    /// <summary>Creates the folder if need be and takes it.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <exception cref="KaleidoException">Another coordinator has it, or it cannot be written.</exception>
    public static StateLock Take(string stateDirectory)
    {
        var path = Path.Combine(stateDirectory, FileName);
        try
        {
            Directory.CreateDirectory(stateDirectory);
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new StateLock(file);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new KaleidoException($"The state folder '{stateDirectory}' cannot be written; expected a folder this user may write. Name another state folder.", ExitCode.Usage, error);
        }
        catch (IOException error) when (File.Exists(path))
        {
            throw new KaleidoException($"The state folder '{stateDirectory}' is in use by another coordinator ('{path}' is locked). Stop that one, or name another state folder.", ExitCode.Usage, error);
        }
        catch (IOException error)
        {
            throw new KaleidoException($"The state folder '{stateDirectory}' cannot be used: {error.Message} Name another state folder.", ExitCode.Usage, error);
        }
    }

    /// <summary>Gives the folder back. The lock file stays: removing it would let two coordinators lock different files of one name.</summary>
    public void Dispose() => file.Dispose();
}
