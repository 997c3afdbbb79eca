namespace KaleidoDist.Data;

/// <summary>How the foreground box of a picture was found.</summary>
public enum ForegroundWay
{
    /// <summary>Not at all: nothing convincing stands out, and the box is the whole picture.</summary>
    Whole,

    /// <summary>The data set gives it.</summary>
    Given,

    /// <summary>By its difference from a border of one colour.</summary>
    Border,

    /// <summary>By frequency-tuned saliency, where the border has many colours.</summary>
    Saliency,
}

/// <summary>Where the product of a picture is.</summary>
/// <param name="Box">Its box in pixels of the decoded picture: never empty, always inside.</param>
/// <param name="Way">How it was found.</param>
public readonly record struct Foreground(PixelBox Box, ForegroundWay Way);
