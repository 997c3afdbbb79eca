using KaleidoDist.Contracts;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>A plan as people read it.</summary>
internal static class PlanTable
{
    /// <summary>World sizes of the table that are shown without being asked about: small ones.</summary>
    private const int ShownWorlds = 16;

    /// <summary>Writes the plan.</summary>
    internal static void Write(IAnsiConsole console, JobPlan plan)
    {
        foreach (var line in Facts(plan))
            console.Write(new Text($"{line}\n"));
        console.Write(Text.NewLine);
        console.Write(Worlds(plan));
        foreach (var warning in plan.Warnings)
            console.Write(new Text($"warning: {warning}\n", Color.Yellow));
    }

    /// <summary>The lines above the table.</summary>
    internal static IEnumerable<string> Facts(JobPlan plan)
    {
        yield return $"job           {plan.Name}, run folder {plan.RunDirectory}";
        yield return $"model         {Units.Count(plan.ParameterCount)} parameters";
        yield return $"training set  {Dataset(plan.Train)}";
        yield return $"validation    {(plan.Validation is { } validation ? Dataset(validation) : "none")}";
        yield return $"steps         {Units.Count(plan.TotalSteps)} in {Units.OneDecimal(plan.Epochs)} epochs of {Units.Count(plan.StepsPerEpoch)} (the last of an epoch with {Units.Count(plan.LastStepSamples)} samples); {Units.Count(plan.WarmupSteps)} of warm-up";
        yield return $"samples       {Units.Count(plan.TotalSamples)} in all, {Units.Count(plan.GlobalBatchSize)} a step = {plan.VirtualRanks} virtual ranks of {plan.LeafSize}, in {plan.MicroBatchesPerLeaf} {(plan.MicroBatchesPerLeaf == 1 ? "micro-batch" : "micro-batches")} each";
        yield return $"shards        {Units.OneDecimal(plan.RowGroupsPerVirtualRank)} row groups per virtual rank and epoch";
    }

    private static string Dataset(DatasetPlan data)
        => $"{Units.Count(data.Rows)} rows in {Units.Count(data.RowGroups)} row groups of {Units.Count(data.Files)} {(data.Files == 1 ? "file" : "files")}, {Units.Bytes(data.Bytes)}, fingerprint {data.Fingerprint[..Math.Min(12, data.Fingerprint.Length)]}";

    private static Table Worlds(JobPlan plan)
    {
        var table = PlainTable.Create("ranks", "virtual ranks each", "samples each", "balance", "memory each");
        foreach (var world in plan.Worlds.Where(w => w.WorldSize <= ShownWorlds || plan.VirtualRanks % w.WorldSize == 0))
        {
            table.AddRow(
                new Text(Units.Count(world.WorldSize)),
                new Text(Range(world.FewestVirtualRanks, world.MostVirtualRanks)),
                new Text(Range(world.FewestSamples, world.MostSamples)),
                new Text(Units.Percent(world.Balance)),
                new Text($"about {Units.Bytes(world.MemoryPerRank.TotalBytes)}"));
        }

        return table;
    }

    private static string Range(int fewest, int most) => fewest == most ? Units.Count(most) : $"{Units.Count(fewest)} to {Units.Count(most)}";
}
