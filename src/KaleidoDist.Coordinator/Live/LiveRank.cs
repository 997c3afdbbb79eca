namespace KaleidoDist.Coordinator;

/// <summary>What a rank of the present generation last reported.</summary>
/// <param name="Phase">What it does.</param>
/// <param name="Step">Its last step.</param>
/// <param name="StepSeconds">Duration of that step.</param>
/// <param name="ProcessId">Its process.</param>
internal readonly record struct LiveRank(string Phase, long Step, double StepSeconds, int ProcessId);
