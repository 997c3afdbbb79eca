using System.Globalization;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// A checkpoint could not be saved. Earlier ones are untouched and training goes on: whoever catches it reports
/// <see cref="Code"/> and the message as a warning, and saves again when the next checkpoint is due.
/// </summary>
public sealed class CheckpointWriteException : IOException
{
    /// <summary>Code of a save that found no room: one that is worth trying again after retention.</summary>
    public const string NoRoomCode = "KD-S101";

    private CheckpointWriteException(string code, string message, Exception? inner)
        : base($"{code} {message}", inner) => Code = code;

    /// <summary>KD-S101 no space, KD-S103 not writable, KD-S104 the storage reported an error; those of <see cref="ObjectStoreException"/>.</summary>
    public string Code { get; }

    /// <summary>The preflight found too little room.</summary>
    internal static CheckpointWriteException NoRoom(string folder, long step, long neededBytes, long freeBytes) => new(
        NoRoomCode,
        $"No space in '{folder}': need {ByteText.Of(neededBytes)}, free {ByteText.Of(freeBytes)}. {Kept(step)} Free space there or lower checkpoint.keep.last.",
        null);

    /// <summary>A write failed.</summary>
    internal static CheckpointWriteException Failed(string folder, long step, long neededBytes, IOException error)
    {
        if (error is ObjectStoreException store)
            return new(store.Code, $"The checkpoint was not written to '{folder}'. {store.Reason} {Kept(step)}", error);
        var errno = (error as PosixException)?.Errno;
        return errno switch
        {
            Errno.ENOSPC or Errno.EDQUOT => new(
                NoRoomCode,
                $"No space in '{folder}' for {ByteText.Of(neededBytes)}: {error.Message} {Kept(step)} Free space there or lower checkpoint.keep.last.",
                error),
            Errno.EROFS or Errno.EACCES or Errno.EPERM => new(
                "KD-S103",
                $"'{folder}' cannot be written: {error.Message} {Kept(step)} Make the folder writable.",
                error),
            _ => new(
                "KD-S104",
                $"The storage of '{folder}' reported an error: {error.Message} {Kept(step)} Check the disk or mount if this repeats.",
                error),
        };
    }

    private static string Kept(long step) => string.Create(
        CultureInfo.InvariantCulture,
        $"Step {step} was not saved; earlier checkpoints are intact and training goes on.");
}
