namespace KaleidoDist.Chaos;

/// <summary>A kind of fault.</summary>
internal interface IFault
{
    /// <summary>Which.</summary>
    FaultKind Kind { get; }

    /// <summary>
    /// Injects it, sees to it that it was seen to have fired, and arranges for its end. False when nothing can be struck now; then nothing
    /// was done.
    /// </summary>
    Task<bool> StrikeAsync(Battlefield field);
}
