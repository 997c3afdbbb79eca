using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>The error of a state that could not be stored: whoever asked for the change is told that there was none.</summary>
internal static class StateNotWritten
{
    /// <summary>KD-S102.</summary>
    public const string Code = "KD-S102";

    /// <summary>The error.</summary>
    /// <param name="what">Whose state: "job sample".</param>
    /// <param name="cause">Why not.</param>
    public static KaleidoException Error(string what, Exception cause)
        => new($"{Code} The state of {what} could not be written ({cause.GetBaseException().Message}); nothing was changed. Make room in the coordinator's state folder and try again.", ExitCode.Failed, cause);
}
