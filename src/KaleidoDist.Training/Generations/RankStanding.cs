using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace KaleidoDist.Training;

/// <summary>Where a rank stands when its generation forms, in a fixed number of bytes that all ranks exchange.</summary>
/// <param name="Applied">Steps applied; <see cref="ReplicaState.Nothing"/> for a rank without a state.</param>
/// <param name="Reduced">The step whose reduced gradient it holds unapplied; 0 for none.</param>
/// <param name="OptimizerStep">Steps its optimizer took.</param>
/// <param name="Counters">What else it counted.</param>
/// <param name="History">What it remembers.</param>
/// <param name="Figures">The reduced figures of step <paramref name="Applied"/>; null when it does not have them.</param>
internal sealed record RankStanding(long Applied, long Reduced, long OptimizerStep, ReplicaCounters Counters, ReplicaHistory History, float[]? Figures)
{
    private const int AppliedAt = 0, ReducedAt = 8, OptimizerAt = 16, NonFiniteAt = 24, HasFiguresAt = 28, ReplacedAt = 32, HistoryAt = 40, FiguresAt = HistoryAt + ReplicaHistory.ByteCount;

    /// <summary>Length of the wire form.</summary>
    internal const int ByteCount = FiguresAt + (TaskSums.Length * sizeof(float));

    /// <summary>Of a replica.</summary>
    internal static RankStanding Of(ReplicaState state)
        => new(state.Step, state.ReducedStep, state.Optimizer.StepCount, state.Counters, state.History, state.LastApplied is { } last && last.Step == state.Step ? last.Sums.Values.ToArray() : null);

    /// <summary>Writes the wire form.</summary>
    internal void Write(Span<byte> bytes)
    {
        bytes.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(bytes[AppliedAt..], Applied);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[ReducedAt..], Reduced);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[OptimizerAt..], OptimizerStep);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[NonFiniteAt..], Counters.NonFiniteInARow);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[HasFiguresAt..], Figures is null ? 0 : 1);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[ReplacedAt..], Counters.ReplacedSamples);
        History.Write(bytes[HistoryAt..]);
        Figures?.CopyTo(MemoryMarshal.Cast<byte, float>(bytes[FiguresAt..]));
    }

    /// <summary>Reads the wire form.</summary>
    internal static RankStanding Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt64LittleEndian(bytes[AppliedAt..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[ReducedAt..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[OptimizerAt..]),
        new ReplicaCounters(BinaryPrimitives.ReadInt32LittleEndian(bytes[NonFiniteAt..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[ReplacedAt..])),
        ReplicaHistory.Read(bytes[HistoryAt..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[HasFiguresAt..]) == 0 ? null : MemoryMarshal.Cast<byte, float>(bytes[FiguresAt..ByteCount]).ToArray());
}
