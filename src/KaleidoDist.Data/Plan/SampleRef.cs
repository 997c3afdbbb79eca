namespace KaleidoDist.Data;

/// <summary>One sample of a data set.</summary>
/// <param name="Group">Row group, counted over the data set in manifest order.</param>
/// <param name="Row">Row in the row group.</param>
/// <param name="SampleIndex">Row in the data set: the sample's identity, and the key of everything random about it.</param>
public readonly record struct SampleRef(long Group, int Row, long SampleIndex);
